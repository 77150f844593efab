"""From findings to one repair: the changes, their order, the proof, the rollback.

    plan           one repair for all findings
      │
    claim          what is claimed of changes, as an object, a table, words and JSON
    impact         the proof: who is treated otherwise, over the whole address space
      │              contrasts   the same at one endpoint
      │              simulation   commands run on paper, refused where Exchange refuses them
      │
    requested      a change in a file; request: one as somebody asks for it; tidying: a shorter list
    twin_plan      one server made like another: twin_targets, twin_steps, twin_notes
    alternatives, wording   what else would end a fault; what a command changes, in words

Nothing here is run: a command is printed where its effect was proven on paper, else words say why
there is none.
"""
