"""The command line in full: every command, its options, and what it calls. Each command imports its own part of the program."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

OWN = ("run", "demo", "check", "call", "doctor", "ctl", "release-relays")
FURTHER = ("setup", "audio", "log", "users", "flats", "logins", "firewall", "support", "update", "appliance")
CONTROL_SOCKET = "/run/portero/control.sock"


class _Version(argparse.Action):
    """Prints the version; looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_given: object) -> None:
        from importlib.metadata import version

        print(f"portero {version('portero')}")
        parser.exit()


def parser(config: str, wanted: str = "") -> argparse.ArgumentParser:
    """`config` is the configuration's path when none is given. Each command stores its function as `command`.

    `wanted`: the first word of the command line. Where that is a command, only what it needs is sure to be known.
    """
    top = argparse.ArgumentParser(prog="portero", description="SIP door intercom: a press, a call, an opened door.")
    top.add_argument("--version", action=_Version, nargs=0)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="the daemon")
    run.add_argument("--config", type=Path, metavar="FILE", help=f"the configuration (default: {config}; simulated: one that is made)")
    run.add_argument("--simulate", action="store_true", help="with a door in memory instead of pins and sound card")
    run.add_argument("--microphone", type=Path, metavar="WAV", help="what the simulated microphone hears")
    run.add_argument("--speaker", type=Path, metavar="WAV", help="where the simulated speaker's sound goes")
    run.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    run.set_defaults(command=_run, installed=Path(config))

    demo = commands.add_parser("demo", help="a press, a call and an opened door on this machine, with a report")
    demo.add_argument(
        "--out", type=Path, default=Path("out/demo"), metavar="DIR", help="where report and recordings go (default: %(default)s)"
    )
    demo.add_argument("--pbx", choices=("kamailio",), help="through a real server instead of directly")
    demo.set_defaults(command=_demo)

    check = commands.add_parser("check", help="look for mistakes in a configuration")
    check.add_argument("file", type=Path, nargs="?", default=Path(config), metavar="FILE")
    check.set_defaults(command=_check)

    call = commands.add_parser("call", help="place one call from this machine")
    call.add_argument("uri", metavar="sip:…")
    _config_option(call, None)
    call.add_argument("--account", metavar="NAME", help="through this account of the configuration, else directly")
    call.add_argument("--seconds", type=float, metavar="N", help="hang up N seconds after the answer")
    call.add_argument("--simulate", action="store_true", help="without a sound card")
    call.add_argument("--wav", type=Path, metavar="WAV", help="say this instead of what the microphone hears (implies --simulate)")
    call.add_argument("--record", type=Path, metavar="WAV", help="keep what is heard (implies --simulate)")
    call.set_defaults(command=_call)

    doctor = commands.add_parser("doctor", help="say in plain words what works and what does not")
    _config_option(doctor, config)
    doctor.set_defaults(command=_doctor)

    ctl = commands.add_parser("ctl", help="drive a running daemon", description="See docs/ctl.md. `portero ctl status` is a start.")
    ctl.add_argument(
        "--socket",
        metavar="PATH",
        help=f"the daemon's control socket (default: $PORTERO_CONTROL, else {CONTROL_SOCKET}, else the simulated door's)",
    )
    ctl.add_argument("verb", metavar="VERB")
    ctl.add_argument("words", nargs="*", metavar="…")
    ctl.set_defaults(command=_ctl)

    if wanted not in OWN:  # the options of those that are not wanted would load half of the program, which takes a board a second
        for name in (wanted,) if wanted in FURTHER else FURTHER:
            _add_further(name, commands, config)

    release = commands.add_parser("release-relays", help="drive every lock line to rest (ExecStopPost)")
    _config_option(release, config)
    release.set_defaults(command=_release)
    return top


def _add_further(name: str, commands: Subparsers, config: str) -> None:
    """Add one of the commands that bring their own options along."""
    match name:
        case "setup":
            from firmware.app.setup.command import add_setup_command as add
        case "audio":
            from firmware.app.acoustics.command import add_audio_command as add
        case "log":
            from firmware.app.journal.log import add_log_command as add
        case "users":
            from firmware.app.users.commands import add_users_command as add
        case "flats":
            from firmware.app.flats import add_flats_command as add
        case "logins":
            from firmware.app.outlets.command import add_logins_command as add
        case "firewall":
            from firmware.app.firewall import add_firewall_command as add
        case "support":
            from firmware.app.support import add_support_command as add
        case "update":
            from firmware.app.update.commands import add_update_command as add
        case _:
            from firmware.app.appliance.commands import add_appliance_command

            add_appliance_command(commands)
            return
    _config_option(add(commands), config)


def _config_option(command: argparse.ArgumentParser, default: str | None) -> None:
    shown = "" if default is None else " (default: %(default)s)"
    command.add_argument(
        "--config", type=Path, default=None if default is None else Path(default), metavar="FILE", help=f"the configuration{shown}"
    )


def _run(options: argparse.Namespace) -> int:
    from firmware.app.main import RunOptions, run
    from firmware.app.simulation import configuration

    return run(
        RunOptions(
            config=options.config or (configuration() if options.simulate else options.installed),
            simulate=options.simulate,
            microphone=options.microphone,
            speaker=options.speaker,
            log_level=options.log_level,
        )
    )


def _demo(options: argparse.Namespace) -> int:
    from firmware.demo.show import demo

    return demo(options.out, pbx=options.pbx)


def _check(options: argparse.Namespace) -> int:
    from firmware.config.load import load
    from firmware.config.problems import ConfigErrors

    try:
        settings = load(options.file, outside_service=True)
    except ConfigErrors as errors:
        for problem in errors.problems:
            place = f"{options.file}:{problem.line}" if problem.line else str(options.file)
            key = f"{problem.key}: " if problem.key else ""
            print(f"{place}: {key}{problem.wrong}. {problem.remedy[:1].upper()}{problem.remedy[1:]}.")
        return 1
    warnings = list(settings.warnings)
    if settings.menu:
        from firmware.app.voicexml.examine import gaps_in, mistake_in

        mistakes = [mistake for menu in settings.menu if (mistake := mistake_in(menu))]
        if mistakes:
            print("\n".join(mistakes))
            return 1
        warnings += [gap for menu in settings.menu for gap in gaps_in(menu)]
    for warning in warnings:
        print(f"{options.file}: warning: {warning}")
    print(f"{options.file}: no mistakes")
    return 0


def _call(options: argparse.Namespace) -> int:
    from firmware.app.one_call import CallOptions, call

    return call(
        CallOptions(
            uri=options.uri,
            config=options.config,
            account=options.account,
            seconds=options.seconds,
            simulate=options.simulate or options.wav is not None or options.record is not None,
            wav=options.wav,
            record=options.record,
        )
    )


def _doctor(options: argparse.Namespace) -> int:
    from firmware.app.doctor.examination import examine

    return examine(options.config)


def _ctl(options: argparse.Namespace) -> int:
    from firmware.app.control.client import control
    from firmware.app.simulation import folder

    simulated = folder(os.environ) / "control.sock"
    default = str(simulated) if simulated.exists() and not Path(CONTROL_SOCKET).exists() else CONTROL_SOCKET
    socket = options.socket or os.environ.get("PORTERO_CONTROL") or default
    try:
        return control(Path(socket), options.verb, tuple(options.words))
    except KeyboardInterrupt:  # the way to end `events`
        return 0


def _release(options: argparse.Namespace) -> int:
    from firmware.app.release import release

    return release(options.config, os.environ.get("RUNTIME_DIRECTORY"))
