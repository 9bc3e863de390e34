// Package talk is the conversation of session.py for the clients in Go: one JSON object a line in, one out.
package talk

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Header is [name, value] in JSON, the value in base64 or null.
type Header struct {
	Name  string
	Value []byte
}

func (h Header) MarshalJSON() ([]byte, error) { return json.Marshal([]any{h.Name, h.Value}) }

func (h *Header) UnmarshalJSON(text []byte) error {
	pair := []any{&h.Name, &h.Value}
	return json.Unmarshal(text, &pair)
}

// Record is a record that is written or was read.
type Record struct {
	Partition int32    `json:"p"`
	Offset    int64    `json:"o"`
	Time      *int64   `json:"ts"`
	Key       []byte   `json:"k"`
	Value     []byte   `json:"v"`
	Headers   []Header `json:"h"`
}

// Begin is where reading starts: "beginning", {"offset": N} or {"time": MS}.
type Begin struct {
	Beginning bool
	Offset    *int64 `json:"offset"`
	Time      *int64 `json:"time"`
}

func (b *Begin) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		b.Beginning = true
		return nil
	}
	type plain Begin
	return json.Unmarshal(text, (*plain)(b))
}

// Request has the arguments of all commands; each uses its own.
type Request struct {
	Do         string            `json:"do"`
	Topic      string            `json:"topic"`
	Codec      string            `json:"codec"`
	Records    []Record          `json:"records"`
	Partitions json.RawMessage   `json:"partitions"` // a list to read, or a number to create
	Begin      Begin             `json:"begin"`
	Count      int               `json:"count"`
	MaxWaitMs  *int              `json:"max_wait_ms"`
	TimeoutS   *float64          `json:"timeout_s"`
	Configs    map[string]string `json:"configs"`
	Put        map[string]string `json:"put"`
	Drop       []string          `json:"drop"`
	Total      int               `json:"total"`
	Partition  int32             `json:"partition"`
	Before     int64             `json:"before"`
	At         json.RawMessage   `json:"at"`
	Group      string            `json:"group"`
	Topics     []string          `json:"topics"`
	Pattern    string            `json:"pattern"`
	Protocol   string            `json:"protocol"`
	Assignor   string            `json:"assignor"`
	SessionMs  int               `json:"session_ms"`
	BeatMs     int               `json:"heartbeat_ms"`
	Instance   string            `json:"instance"`
	Commit     string            `json:"commit"`
	Metadata   string            `json:"metadata"`
	Offsets    [][2]int64        `json:"offsets"`
}

// List is the partitions to read or to ask for.
func (r *Request) List() (out []int32) {
	_ = json.Unmarshal(r.Partitions, &out)
	return
}

// Number is the number of partitions to create.
func (r *Request) Number() (out int) {
	_ = json.Unmarshal(r.Partitions, &out)
	return
}

// Where is "earliest", "latest", "max_timestamp", or "" and a time.
func (r *Request) Where() (name string, ms int64) {
	if json.Unmarshal(r.At, &name) != nil {
		_ = json.Unmarshal(r.At, &ms)
	}
	return
}

// MaxWait is how long a fetch may wait at the server.
func (r *Request) MaxWait() time.Duration {
	if r.MaxWaitMs == nil {
		return 500 * time.Millisecond
	}
	return time.Duration(*r.MaxWaitMs) * time.Millisecond
}

// Timeout is how long reading goes on.
func (r *Request) Timeout() time.Duration {
	if r.TimeoutS == nil {
		return 20 * time.Second
	}
	return time.Duration(*r.TimeoutS * float64(time.Second))
}

// Failure carries Kafka's error number.
type Failure struct {
	Text string
	Code *int
}

func (f Failure) Error() string { return f.Text }

// Fail is a Failure with a number.
func Fail(text string, code int) error { return Failure{text, &code} }

var speaking sync.Mutex

// Say writes one line to the driver.
func Say(what any) {
	line, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	speaking.Lock()
	defer speaking.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

// Tell says what happens to a member.
func Tell(event string, more map[string]any) {
	more["ev"], more["at"] = event, time.Now().UnixMilli()
	Say(more)
}

// Serve answers commands until stdin ends. number finds Kafka's error number in an error of the client.
func Serve(number func(error) (int, bool), answer func(*Request) (any, error)) {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		request := new(Request)
		if err := json.Unmarshal(line, request); err != nil {
			Say(map[string]any{"error": err.Error(), "code": nil})
			continue
		}
		result, err := answer(request)
		if err == nil {
			Say(map[string]any{"ok": result})
			continue
		}
		var code any
		var failure Failure
		if errors.As(err, &failure) && failure.Code != nil {
			code = *failure.Code
		} else if n, ok := number(err); ok {
			code = n
		}
		Say(map[string]any{"error": fmt.Sprint(err), "code": code})
	}
}
