"""The interactive parts of a runbook: plain data and callables in, a live widget out.

view.py      what all of them are: live in JupyterLab, static HTML and words everywhere else
controls.py  labelled controls of ipywidgets, the only place that imports it
choice.py    some of several things
confirm.py   a change that is made once its connector was named
explorer.py  a question, its answer, and a change on trial
progress.py  how far a long piece of work has come

None of them knows a step or a rule; `mailflow.interactive` joins them.
"""
