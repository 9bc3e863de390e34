"""The records that are written: all of a record follows from its writer and number, so that any reader can judge it."""
import random
import zlib

_FILLER = random.Random(9).randbytes(1 << 17)


def key_of(number):
    return b"key-%d" % (number * 2654435761 % 97)


def value_of(writer, number):
    """30 bytes to 2 KiB; one of 200 has up to 60 KiB."""
    mixed = zlib.crc32(b"%s %d" % (writer, number))
    size = mixed % 60_000 if mixed % 200 == 0 else mixed % (2000 if mixed % 4 == 0 else 300)
    return b"%s %d %d " % (writer, number, size) + _FILLER[mixed & 0xffff:(mixed & 0xffff) + size]


def parse(value):
    """(writer, number) of a value, or None."""
    head = value[:64].split(b" ", 3)
    return (head[0], int(head[1])) if len(head) == 4 and head[1].isdigit() else None
