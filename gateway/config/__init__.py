"""Configuration: YAML → model → checked → Snapshot.

    documents      a file or a folder as a tree of nodes that know their line
    interpolation  ${NAME} in values
    overrides      GATEWAY__SECTION__KEY from the environment
    files          secrets that stand in files, paths made absolute
    model*         every key: type, default, description (the reference and the JSON schema are made from them)
    validation     tree → model, with every mistake and its place
    checks*        what a type cannot say
    load           all of the above in order
    snapshot       settings → what a request sees

Only this room reads the environment's settings and YAML. Every mistake is a `Problem`; nothing in here raises anything else for bad input.
"""
