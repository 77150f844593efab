"""Training: a simulated organization alive in a notebook, and questions about it.

lab.py        what a notebook holds: the story, the organization, its clock, the way back
typed.py      lines of PowerShell as learners type them, into calls
console.py    such lines at work, and what came of them; windows.py: the few that are Windows' own
logs.py       protocol logs of failed sessions, both ends; network.py: what the network team can do
watching.py   how the queues go while time passes
question.py   a question, an answer, a reason; asking/: the kinds, each judged by the rules
subject.py    which way between two servers a question is about
debriefing.py the end of a case: what is still open, or what was learnt; facts.py: what facts say
progress.py   what was solved on this machine
cases.py      the cases that there are
solved.py     their solved runs, made again and compared

Nothing is compared with a stored answer: each question is worked out of the organization as it is
at that moment, by the rules that judge a live one.
"""
