"""Every command, in the order of --help."""

from robustscope.commands import (
    analyze,
    export_table,
    import_table,
    noise,
    query,
    run,
    sample,
    search,
    study,
    train,
    verify,
)
from robustscope.commands.command import Command

COMMANDS: dict[str, Command] = {
    module.COMMAND.name: module.COMMAND
    for module in (
        *(run, train, sample, study, search, noise, analyze, query),
        *(verify, export_table, import_table),
    )
}
