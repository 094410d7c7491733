"""A guest agent's answers in the form that was asked for. It is the guest's word: anything may come."""

from collections.abc import Mapping
from typing import Any

from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode, VirError


def malformed() -> VirError:
    return failure(ErrorCode.INTERNAL_ERROR, "the guest agent's answer is not what was asked for")


def whole(answer: object, most: int, least: int = 0) -> int:
    """A whole number from `least` to `most`."""
    if not isinstance(answer, int) or isinstance(answer, bool) or not least <= answer <= most:
        raise malformed()
    return answer


def an_object(answer: object) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise malformed()
    return answer


def a_list(answer: object) -> list[Any]:
    if not isinstance(answer, list):
        raise malformed()
    return answer


def objects(answer: object) -> list[Mapping[str, Any]]:
    return [an_object(item) for item in a_list(answer)]
