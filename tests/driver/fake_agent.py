"""A guest agent of one's own: answers at a socket as qemu-ga does at its channel."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Answer = Callable[[Mapping[str, Any]], object]


class AgentError(Exception):
    """What the agent answers with an error."""


class FakeAgent:
    """``answers`` by command; what it was asked is in ``asked``. Without an answer there is silence."""

    def __init__(self, path: Path, answers: Mapping[str, Answer], *, leftover: bytes = b"") -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self._answers = answers
        self._leftover = leftover
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines, contextlib.suppress(OSError):
            client.sendall(self._leftover)
            for line in lines:
                reply = self._reply(json.loads(line.lstrip(b"\xff")))
                if reply is not None:
                    client.sendall(reply)

    def _reply(self, request: Mapping[str, Any]) -> bytes | None:
        command, arguments = request["execute"], request.get("arguments", {})
        if command == "guest-sync-delimited":
            return b"\xff" + json.dumps({"return": arguments["id"]}).encode() + b"\n"
        self.asked.append((command, arguments))
        if command not in self._answers:
            return None
        try:
            reply: dict[str, object] = {"return": self._answers[command](arguments)}
        except AgentError as error:
            reply = {"error": {"class": "GenericError", "desc": str(error)}}
        return json.dumps(reply).encode() + b"\n"
