"""What is said when something that lies elsewhere cannot be had: one sentence, without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from heldout.errors import HeldoutError, MissingExtra, ReadError, how_to_install
from heldout.remote.address import Address

# The package that each protocol needs; of the others fsspec says it.
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "hf": "huggingface_hub",
    "ssh": "paramiko",
    "sftp": "paramiko",
    "http": "aiohttp requests",
    "https": "aiohttp requests",
}
_CREDENTIALS = {
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; FSSPEC_S3_ANON=true for a public bucket",
    "gs": "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS",
    "hf": "run hf auth login, or set HF_TOKEN",
    "ssh": "set up a key for this machine (ssh-copy-id)",
}
_SAME = {"s3a": "s3", "gcs": "gs", "sftp": "ssh"}


def missing_fsspec(address: Address) -> MissingExtra:
    """Say that nothing here knows any protocol."""
    package = _PACKAGES.get(address.protocol, "")
    more = f" {package}" if package else ""
    return MissingExtra(f"{address.shown}: needs fsspec; {how_to_install('remote')}{more}")


def refusal(address: Address, error: BaseException) -> HeldoutError:
    """Return what to raise for what a library raised."""
    if isinstance(error, HeldoutError):
        return error
    where = address.shown
    chain = list(_chain(error))
    if isinstance(error, ImportError):
        return _missing_package(address, error)
    said = address.scrubbed(" ".join(str(error).split()))[:300]
    if "rotocol not known" in said:
        return ReadError(f"{where}: fsspec knows no protocol {address.protocol}://; use s3, gs, hf, ssh or https.")
    names = {cls.__name__ for one in chain for cls in type(one).__mro__}
    status = next((code for one in chain if (code := _status(one))), 0)
    if any("redential" in name for name in names) or status == 401:
        return ReadError(f"{where}: no credentials were found or accepted; {_advice(address)}.")
    if "PermissionError" in names or status == 403:
        return ReadError(f"{where}: access is refused ({said or 'forbidden'}); {_advice(address)}.")
    if any("Timeout" in name for name in names):
        return ReadError(f"{where}: there was no answer in time; try again, or look whether the network is up.")
    if names & {"gaierror", "ConnectionError"} or any(re.search("Connect|SSLError", name) for name in names):
        return ReadError(f"{where}: cannot be reached ({said or type(error).__name__}); is the network up?")
    if "FileNotFoundError" in names or status == 404:
        return _not_there(address, said)
    return ReadError(f"{where}: cannot be read ({type(error).__name__}{f': {said}' if said else ''}).")


def not_there(address: Address) -> ReadError:
    """Say that nothing lies at an address."""
    return ReadError(f"{address.shown}: there is no such object or folder.")


def _not_there(address: Address, said: str) -> ReadError:
    if "bucket" in said.lower():
        bucket = address.shown.partition("://")[2].partition("/")[0]
        return ReadError(f"{address.shown}: there is no bucket {bucket!r}.")
    return not_there(address)


def _missing_package(address: Address, error: ImportError) -> MissingExtra:
    package = _PACKAGES.get(address.protocol)
    what = f"needs {package.replace(' ', ' and ')}; run: pip install {package}" if package else f"{error}; use pip"
    return MissingExtra(f"{address.shown}: {what}")


def _advice(address: Address) -> str:
    protocol = _SAME.get(address.protocol, address.protocol)
    return _CREDENTIALS.get(protocol, "give them as the package for this protocol asks for")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised for."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int:
    """Return the status of HTTP that an error of a library carries, 0 where there is none."""
    response = getattr(error, "response", None)
    found = [getattr(error, "status", None), vars(error).get("code"), getattr(response, "status_code", None)]
    if isinstance(response, dict):
        found.append(response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
    return next((one for one in found if isinstance(one, int)), 0)
