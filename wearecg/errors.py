"""The errors of wearecg: one small tree; each is also the builtin error that a caller would catch.

    WearECGError
    ├── SourceError         OSError      a sensor, port or recording cannot be opened or read
    ├── SignalError         ValueError   samples that cannot be used (rate, length, shape, values)
    ├── LeadError           ValueError   a lead that is unknown, or that the source does not have
    ├── ModelError          ValueError   a model file or card that must not be run
    ├── SinkError           OSError      an output that cannot be opened or written
    ├── ConfigError         ValueError   a configuration file, or a system, that does not fit
    ├── ArgumentError       TypeError    an argument of a type that a function does not take
    └── MissingExtraError   ImportError  an optional dependency that is not installed

A message states what was wrong, with which value, and what to do about it. It is the whole of ``str(error)``;
an `OSError` of this tree has no ``errno``, but its ``__cause__`` has one where the system refused something.

Examples
--------
>>> import wearecg
>>> try:
...     wearecg.read_recording("no-such-file.csv")
... except OSError as error:
...     print(type(error).__name__, error, sep=": ")
SourceError: no such recording: no-such-file.csv
"""


class WearECGError(Exception):
    """Base of every error that wearecg raises on purpose.

    Examples
    --------
    >>> try:
    ...     raise ModelError("no model 'enkoder'")
    ... except WearECGError as error:
    ...     print(error)
    no model 'enkoder'
    """


class SourceError(WearECGError, OSError):
    """A sensor, port or recording cannot be opened or read.

    Examples
    --------
    >>> import wearecg
    >>> try:
    ...     wearecg.read_recording("no-such-file.csv")
    ... except SourceError as error:
    ...     print(error)
    no such recording: no-such-file.csv
    """


class SignalError(WearECGError, ValueError):
    """Samples that cannot be used: rate, length, shape or values.

    Examples
    --------
    >>> import wearecg
    >>> try:
    ...     wearecg.score([[0.0], [0.1]], fs=-250, leads="II")
    ... except SignalError as error:
    ...     print(type(error).__name__)
    SignalError
    """


class LeadError(WearECGError, ValueError):
    """A lead that is unknown, or that the source does not have.

    Examples
    --------
    >>> import wearecg
    >>> try:
    ...     list(wearecg.stream("simulate:sinus?speed=max", leads="V9"))
    ... except LeadError as error:
    ...     print(str(error).partition(";")[0])
    there is no lead 'V9'
    """


class ModelError(WearECGError, ValueError):
    """A model, or another observer, that is not there, or a model file or card that must not be run.

    Examples
    --------
    >>> import wearecg
    >>> try:
    ...     wearecg.load_model("enkoder")
    ... except ModelError as error:
    ...     print(str(error).partition(";")[0])
    no model 'enkoder'
    """


class SinkError(WearECGError, OSError):
    """An output that cannot be opened or written.

    Examples
    --------
    >>> import wearecg
    >>> try:
    ...     wearecg.stream("simulate:sinus?speed=max", to="ftp:somewhere")
    ... except SinkError as error:
    ...     print(type(error).__name__)
    SinkError
    """


class ConfigError(WearECGError, ValueError):
    """An option that does not exist, a configuration file that cannot be used, or a system without services.

    Examples
    --------
    >>> import wearecg
    >>> try:
    ...     wearecg.open_observer("episodes?speed=2")
    ... except ConfigError as error:
    ...     print(error)
    episodes has no option 'speed'; it has none
    """


class ArgumentError(WearECGError, TypeError):
    """An argument of a type that a function does not take.

    Examples
    --------
    >>> import wearecg
    >>> try:
    ...     wearecg.stream("simulate:sinus", duration="5")
    ... except ArgumentError as error:
    ...     print(error)
    stream: duration is '5'; it takes float | None
    """


class MissingExtraError(WearECGError, ImportError):
    """An optional dependency is not installed.

    Parameters
    ----------
    package : str
        What is missing, as pip knows it.
    extra : str
        The extra of wearecg that installs it.
    purpose : str
        What it is needed for; the message begins with it.

    Attributes
    ----------
    package, extra : str

    Examples
    --------
    >>> str(MissingExtraError("wfdb", "formats", "reading WFDB records"))
    "reading WFDB records needs wfdb: pip install 'wearecg[formats]'"
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'wearecg[{extra}]'")
        self.package = package
        self.extra = extra
