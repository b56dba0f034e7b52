"""The operator's own templates and catalogues: they are there, can be compiled, and nobody's language is missing.

A template that cannot be compiled would be an error page in place of a login page, so all of them are compiled before anything is served.
"""

from __future__ import annotations

from pathlib import Path

from gateway.config.model import Settings
from gateway.config.report import Report
from gateway.core.languages import OWN, TAG

_KINDS = ("pages", "letters")
_CATALOGUES = "locales"


def check_templates(settings: Settings, report: Report) -> None:
    """Sections `templates` and `locale`. Only a server reads the files: asked for by `serve` and `check`."""
    loc = ("templates", "folder")
    if settings.templates.folder is not None:
        folder = Path(settings.templates.folder)
        if not folder.is_dir():
            report.error(loc, f"{folder} is no folder")
        else:
            for fault in [*_template_faults(folder), *_catalogue_faults(folder)]:
                report.error(loc, fault)
            for entry in sorted(folder.iterdir()):
                if entry.name not in (*_KINDS, _CATALOGUES) and not entry.name.startswith("."):
                    report.warn(loc, f"{entry} is not used", "templates stand in pages/ and letters/, catalogues in locales/")
    if settings.locale.default not in languages(settings):
        report.error(("locale", "default"), f"there is no catalogue for {settings.locale.default}", "write en or de, or add one in templates.folder")


def languages(settings: Settings) -> tuple[str, ...]:
    """Every language that something is written in; the default first where it is among them."""
    found = dict.fromkeys(OWN)
    if settings.templates.folder is not None:
        found.update(dict.fromkeys(sorted(file.stem for file in _catalogues(Path(settings.templates.folder)) if TAG.fullmatch(file.stem))))
    default = settings.locale.default
    return (default, *(one for one in found if one != default)) if default in found else tuple(found)


def _catalogues(folder: Path) -> list[Path]:
    return sorted((folder / _CATALOGUES).glob("*.po"))


def _template_faults(folder: Path) -> list[str]:
    from jinja2 import Environment, TemplateSyntaxError

    environment, faults = Environment(autoescape=True), []
    for file in sorted(file for kind in _KINDS for file in (folder / kind).rglob("*") if file.is_file()):
        try:
            environment.compile(file.read_text(encoding="utf-8"), raw=True)  # parsing alone knows no filters and no blocks
        except TemplateSyntaxError as error:
            faults.append(f"{file}:{error.lineno}: {error.message}")
        except UnicodeDecodeError:
            faults.append(f"{file} is not written in UTF-8")
        except OSError as error:
            faults.append(f"{file} cannot be read: {error.strerror}")
    return faults


def _catalogue_faults(folder: Path) -> list[str]:
    from babel.messages.pofile import PoFileError, read_po

    faults = []
    for file in _catalogues(folder):
        if TAG.fullmatch(file.stem) is None:
            faults.append(f"{file}: a catalogue is named after its language, in lower case: fr.po, pt-br.po")
            continue
        try:
            with file.open("rb") as stream:
                catalogue = read_po(stream, abort_invalid=True)
            # A value that the words do not have would be an error page too.
            faults += [f"{file}:{message.lineno}: {error}" for message in catalogue for error in message.check(catalogue)]
        except (PoFileError, LookupError, ValueError) as error:
            faults.append(f"{file}: {error}")
        except OSError as error:
            faults.append(f"{file} cannot be read: {error.strerror}")
    return faults
