package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"

	"imago/compare/measure"
)

// link is one connection that speaks RESP.
type link struct {
	in  *bufio.Reader
	out *bufio.Writer
}

func connect(o measure.Options) *link {
	socket, err := net.Dial("tcp", o.Server)
	if err != nil {
		measure.GiveUp(err)
	}
	return &link{bufio.NewReaderSize(socket, 1<<18), bufio.NewWriterSize(socket, 1<<18)}
}

// command is written into the buffer; flush sends it.
func (l *link) command(words ...[]byte) {
	fmt.Fprintf(l.out, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(l.out, "$%d\r\n", len(word))
		_, _ = l.out.Write(word)
		_, _ = l.out.WriteString("\r\n")
	}
}

func (l *link) raw(command []byte) { _, _ = l.out.Write(command) }

func (l *link) flush() {
	if err := l.out.Flush(); err != nil {
		measure.GiveUp(err)
	}
}

// encoded is a command that can be sent again and again.
func encoded(words ...string) []byte {
	made := []byte(fmt.Sprintf("*%d\r\n", len(words)))
	for _, word := range words {
		made = append(made, fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)...)
	}
	return made
}

// skip reads one answer that nobody looks at; an error ends the program.
func (l *link) skip() {
	line := l.line()
	switch line[0] {
	case '+', ':':
	case '-':
		measure.GiveUp(fmt.Errorf("redis: %s", line[1:]))
	case '$':
		if size := number(line); size >= 0 {
			if _, err := l.in.Discard(size + 2); err != nil {
				measure.GiveUp(err)
			}
		}
	case '*':
		for range max(number(line), 0) {
			l.skip()
		}
	default:
		measure.GiveUp(fmt.Errorf("redis answers %q", line))
	}
}

// list reads the head of an array: how many elements follow; -1 if there is none.
func (l *link) list() int {
	line := l.line()
	if line[0] == '-' {
		measure.GiveUp(fmt.Errorf("redis: %s", line[1:]))
	}
	if line[0] != '*' {
		measure.GiveUp(fmt.Errorf("redis answers %q, not a list", line))
	}
	return number(line)
}

// text reads a string; into is used for it if it is large enough.
func (l *link) text(into []byte) []byte {
	line := l.line()
	if line[0] != '$' {
		measure.GiveUp(fmt.Errorf("redis answers %q, not a string", line))
	}
	size := number(line)
	if cap(into) < size {
		into = make([]byte, size)
	}
	into = into[:size]
	if _, err := io.ReadFull(l.in, into); err != nil {
		measure.GiveUp(err)
	}
	_, _ = l.in.Discard(2)
	return into
}

func (l *link) line() []byte {
	line, err := l.in.ReadSlice('\n')
	if err != nil || len(line) < 3 {
		measure.GiveUp(fmt.Errorf("redis has hung up: %v", err))
	}
	return line[:len(line)-2]
}

func number(line []byte) int {
	value, err := strconv.Atoi(string(line[1:]))
	if err != nil {
		measure.GiveUp(err)
	}
	return value
}
