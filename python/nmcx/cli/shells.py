"""Scripts that complete the command line, one per shell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nmcx.cli.completion import MANY, Command, Option

_BASH = """\
# Completion of nmcx for bash; written by `nmcx completion bash`.
_nmcx() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} command= flag= left=0 nth=0 word i n kind words
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        if ((left > 0)) && [[ $word != -[a-z-]* ]]; then
            left=$((left - 1))
        elif [[ $word == -* ]]; then
            flag=$word
            _nmcx_flag
            left=$n
        elif [[ -z $command ]]; then
            command=$word
        else
            nth=$((nth + 1))
        fi
    done
    if ((left > 0)) && [[ $cur != -[a-z-]* ]]; then
        _nmcx_flag
    elif [[ $cur == -* ]]; then
        kind=words
        _nmcx_flags
    elif [[ -z $command ]]; then
        kind=words words="{commands}"
    else
        _nmcx_word
    fi
    local IFS=$'\\n'
    case $kind in
        words) COMPREPLY=($(IFS=' ' && compgen -W "$words" -- "$cur")) ;;
        files) COMPREPLY=($(compgen -f -- "$cur")) ;;
        *) COMPREPLY=() ;;
    esac
}}

# Values of a flag: how many, and of which kind.
_nmcx_flag() {{
    n=0 kind=none words=
    case "$command $flag" in
{flag_values}
    esac
}}

# Flags of a command.
_nmcx_flags() {{
    case $command in
{flags}
        *) words= ;;
    esac
}}

# What stands without a flag, by its place.
_nmcx_word() {{
    kind=none words=
    case "$command $nth" in
{places}
    esac
}}

complete -o filenames -F _nmcx nmcx
"""


def bash(commands: Sequence[Command]) -> str:
    """Script for bash."""
    return _BASH.format(
        commands=" ".join(command.name for command in commands[1:]),
        flag_values="\n".join(_bash_values(commands)),
        flags="\n".join(
            f'        {_quoted(command.name)}) words="{" ".join(command.flags)}" ;;'
            for command in commands
        ),
        places="\n".join(_bash_places(commands)),
    )


def _bash_values(commands: Sequence[Command]) -> Iterator[str]:
    for command in commands:
        for option in command.options:
            if option.flags and option.n_value:
                names = "|".join(_quoted(f"{command.name} {flag}") for flag in option.flags)
                yield f"        {names}) n={option.n_value} {_bash_kind(option)} ;;"


def _bash_places(commands: Sequence[Command]) -> Iterator[str]:
    for command in commands:
        for nth, option in enumerate(command.words):
            at = "*" if option.n_value == MANY else str(nth)
            yield f"        {_quoted(command.name + ' ')}{at}) {_bash_kind(option)} ;;"


def _bash_kind(option: Option) -> str:
    if option.choices:
        return f'kind=words words="{" ".join(option.choices)}"'
    return "kind=files" if option.is_path else "kind=none"


def zsh(commands: Sequence[Command]) -> str:
    """Script for zsh."""
    first, *others = commands
    lines = [
        "#compdef nmcx",
        "# Completion of nmcx for zsh; written by `nmcx completion zsh`.",
        "_nmcx() {",
        "  local context state state_descr line",
        "  typeset -A opt_args",
        "  local -a commands",
        "  commands=(",
        *(f"    {_quoted(_colons(c.name) + ':' + _colons(c.help))}" for c in others),
        "  )",
        "  _arguments -C \\",
        *(f"    {spec} \\" for option in first.options for spec in _zsh_specs(option)),
        "    '1:command:->command' \\",
        "    '*::argument:->argument'",
        "  case $state in",
        "    command) _describe command commands ;;",
        "    argument)",
        "      case $line[1] in",
    ]
    for command in others:
        specs = [spec for option in command.options for spec in _zsh_specs(option)]
        lines.append(f"        {command.name}) _arguments \\")
        lines += [f"          {spec} \\" for spec in specs[:-1]]
        lines += [f"          {specs[-1]} ;;"]
    lines += [
        "      esac ;;",
        "  esac",
        "}",
        'if [[ $funcstack[1] == _nmcx ]]; then _nmcx "$@"; else compdef _nmcx nmcx; fi',
    ]
    return "\n".join(lines) + "\n"


def _zsh_specs(option: Option) -> Iterator[str]:
    """Descriptions for `_arguments`."""
    action = "_files" if option.is_path else " "
    if option.choices:
        action = f"({' '.join(option.choices)})"
    help_ = _colons(option.help).replace("[", "\\[").replace("]", "\\]")
    if not option.flags:
        place = "*:" if option.n_value == MANY else ":"
        yield _quoted(f"{place}{help_}:{action}")
        return
    once = f"({' '.join(option.flags)})"
    # Any number of values ends at the next flag, which zsh recognises by a pattern.
    many = option.n_value == MANY
    values = f":*-*:value:{action}" if many else f":value:{action}" * option.n_value
    for flag in option.flags:
        yield _quoted(f"{once}{flag}[{help_}]{values}")


def _colons(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")


def fish(commands: Sequence[Command]) -> str:
    """Script for fish."""
    first, *others = commands
    none = "not __fish_seen_subcommand_from " + " ".join(command.name for command in others)
    lines = ["# Completion of nmcx for fish; written by `nmcx completion fish`."]
    lines.append("complete -c nmcx -f")
    for command in others:
        start = f"complete -c nmcx -n {_fish(none)}"
        lines.append(f"{start} -a {command.name} -d {_fish(command.help)}")
    for command, when in (
        (first, none),
        *((c, f"__fish_seen_subcommand_from {c.name}") for c in others),
    ):
        for option in command.options:
            lines.append(f"complete -c nmcx -n {_fish(when)} {_fish_option(option)}")
    return "\n".join(lines) + "\n"


def _fish_option(option: Option) -> str:
    names = [
        f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags
    ]
    told = f"-d {_fish(option.help)}"
    if option.choices:
        kind = f"-x -a {_fish(' '.join(option.choices))}"
    elif option.is_path:
        kind = "-r -F" if option.flags else "-F"
    else:
        kind = "-x" if option.flags and option.n_value else ""
    if not option.flags:
        kind = kind.replace("-x ", "-f ")
    return " ".join(part for part in (*names, kind, told if option.flags else "") if part)


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(text: str) -> str:
    """For bash and zsh, in single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"
