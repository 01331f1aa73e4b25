"""Commands run inside the test's process, and what they print."""

from typer.testing import CliRunner

from relucvx.cli import app


def run(*args):
    """Exit code, standard output, standard error."""
    out = CliRunner().invoke(app, [str(a) for a in args])
    if out.exception is not None and not isinstance(out.exception, SystemExit):
        raise out.exception
    return out.exit_code, out.stdout, out.stderr


def refused(*args):
    """The message of a command that must fail with exit code 1 and print nothing else."""
    code, out, err = run(*args)
    assert (code, out) == (1, ""), (code, out, err)
    assert "Traceback" not in err
    return err
