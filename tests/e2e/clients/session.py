"""The conversation that every client program here holds with the driver.

One JSON object a line on stdin, one on stdout, in order:

    {"do": "produce", "topic": "t", "codec": "zstd", "records": [{"p": 0, "ts": 1, "k": .., "v": .., "h": [[name, ..]]}]}
    {"ok": [offset of each record]}            or {"error": "text", "code": Kafka's error number or null}

Keys, values and header values are base64, or null. `ts` may be null: the client's own clock. Consumed records carry
their offset as "o". See docs/testing.md for the list of commands.
"""
import base64
import json
import os
import sys


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


def serve(handlers):
    """Answer commands until stdin ends. A client library may write to stdout: keep it for answers alone."""
    answers = os.fdopen(os.dup(1), "w")
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
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
