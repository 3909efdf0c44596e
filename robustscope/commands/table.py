"""Every command, in the order of --help."""

from robustscope.commands import (
    analyze,
    diff,
    evaluate,
    export_table,
    figures,
    import_table,
    merge,
    noise,
    plan,
    predict,
    query,
    repair,
    run,
    sample,
    search,
    status,
    study,
    train,
    verify,
)
from robustscope.commands.command import Command

COMMANDS: dict[str, Command] = {
    module.COMMAND.name: module.COMMAND
    for module in (
        run,
        plan,
        train,
        sample,
        evaluate,
        study,
        search,
        status,
        noise,
        analyze,
        figures,
        query,
        predict,
        diff,
        merge,
        repair,
        verify,
        export_table,
        import_table,
    )
}
