"""The conversation that every client program here holds with the driver.

One JSON object a line on stdin, one on stdout, in order:

    {"do": "produce", "topic": "t", "codec": "zstd", "records": [{"p": 0, "ts": 1, "k": .., "v": .., "h": [[name, ..]]}]}
    {"ok": [offset of each record]}            or {"error": "text", "code": Kafka's error number or null}

Keys, values and header values are base64, or null. `ts` may be null: the client's own clock. Consumed records carry
their offset as "o". After `join` the program is a member of a group and also says, unasked, what happens to it:

    {"ev": "owned", "at": ms, "parts": [[topic, partition], ..]}         all it has now, whenever that changes
    {"ev": "got", "at": ms, "r": [[topic, partition, offset, value as text], ..]}
    {"ev": "committed", "at": ms, "o": [[topic, partition, offset], ..]}  what the server has acknowledged
    {"ev": "trouble", "at": ms, "text": ..}

See docs/testing.md for the list of commands.
"""
import base64
import json
import os
import sys
import threading
import time


class Failure(Exception):
    def __init__(self, text, code=None):
        super().__init__(text)
        self.code = code


def encode(data):
    return None if data is None else base64.b64encode(data).decode()


def decode(text):
    return None if text is None else base64.b64decode(text)


def bootstrap():
    return sys.argv[1]


_speaking = threading.Lock()
_answers = None


def say(what):
    line = json.dumps(what) + "\n"
    with _speaking:
        _answers.write(line)
        _answers.flush()


def tell(event, **more):
    say({"ev": event, "at": int(time.time() * 1000), **more})


def serve(handlers):
    """Answer commands until stdin ends. A client library may write to stdout: keep it for answers alone."""
    global _answers
    _answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            verb = request.pop("do")
            if verb not in handlers:
                raise Failure(f"unsupported: {verb}")
            answer = {"ok": handlers[verb](**request)}
        except Failure as failure:
            answer = {"error": str(failure), "code": failure.code}
        except Exception as error:  # any client error is an answer, never the end of the conversation
            answer = {"error": f"{type(error).__name__}: {error}", "code": getattr(error, "errno", None)}
        say(answer)
    os._exit(0)     # a member that has not left dies here; the libraries' own threads hold up nothing
