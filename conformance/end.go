package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	jsonLines = "json"
	cborItems = "cbor"
)

var magic = []byte{0xD9, 0xD9, 0xF7}

// maxMessage is what the suite takes from a peer: twice what one may send.
const maxMessage = 8 << 20

// end is the suite's end of a connection. One goroutine reads; what it hears is
// for one other. Any may send. What goes by is kept, to be told if something is wrong.
type end struct {
	enc      string
	rw       io.ReadWriteCloser
	patience time.Duration
	in       chan arrival

	mu  sync.Mutex
	log []string

	writing sync.Mutex
	reading sync.Mutex // held: nothing is read, see pause
}

// pause stops reading after at most one more read, until resume is called.
func (e *end) pause() (resume func()) {
	e.reading.Lock()
	return e.reading.Unlock
}

type gated struct{ e *end }

func (g gated) Read(b []byte) (int, error) {
	n, err := g.e.rw.Read(b)
	g.e.reading.Lock() // after the read: the one that waits all the time must not hold it
	defer g.e.reading.Unlock()
	return n, err
}

// arrival is what came: a message, a line for people, or the end.
type arrival struct {
	msg  Object
	line string
	err  error
}

func newEnd(rw io.ReadWriteCloser, enc string, patience time.Duration) *end {
	// The buffer is for what a scenario never looks at; a peer that sends more
	// than that unasked has to wait.
	e := &end{enc: enc, rw: rw, patience: patience, in: make(chan arrival, 4096)}
	return e
}

// listen reads until the end. fromDialler: the magic comes first.
func (e *end) listen(fromDialler bool) {
	defer close(e.in)
	r := bufio.NewReaderSize(gated{e}, 1<<16)
	if fromDialler && e.enc == cborItems {
		first := make([]byte, len(magic))
		if _, err := io.ReadFull(r, first); err != nil || !bytes.Equal(first, magic) {
			e.in <- arrival{err: fmt.Errorf("[C1] expected the bytes D9 D9 F7 first, got % X", first)}
			return
		}
	}
	for {
		a := e.next(r)
		if a.err == nil && a.msg == nil && a.line == "" {
			continue // an empty line
		}
		e.note("<-- ", a)
		e.in <- a
		if a.err != nil {
			return
		}
	}
}

func (e *end) next(r *bufio.Reader) arrival {
	var v any
	var err error
	if e.enc == jsonLines {
		line, readErr := readLine(r)
		if readErr != nil {
			return arrival{err: readErr}
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			return arrival{}
		}
		if line[0] != '{' {
			return arrival{line: string(line)}
		}
		v, err = parseJSON(line)
	} else {
		frame, readErr := readFrame(r)
		if readErr != nil {
			return arrival{err: readErr}
		}
		v, err = parseCBOR(frame)
	}
	if err != nil {
		return arrival{err: &badMessage{map[string]string{jsonLines: "M14", cborItems: "C2"}[e.enc], err}}
	}
	o, ok := v.(Object)
	if !ok {
		return arrival{err: &badMessage{"M13", fmt.Errorf("a message is one object, and came %s", show(v))}}
	}
	return arrival{msg: o}
}

// badMessage is a message that is not well-formed.
type badMessage struct {
	clause string
	err    error
}

func (b *badMessage) Error() string { return "[" + b.clause + "] " + b.err.Error() }

func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case len(line) > maxMessage:
			return nil, &badMessage{"B1", fmt.Errorf("a line of more than %d bytes", maxMessage)}
		case !errors.Is(err, bufio.ErrBufferFull):
			if len(line) > 0 {
				return nil, &badMessage{"L1", fmt.Errorf("the last line has no end: %q", clip(string(line)))}
			}
			return nil, err
		}
	}
}

// readFrame reads a byte string, in which CBOR's messages are.
func readFrame(r *bufio.Reader) ([]byte, error) {
	first, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	head := []byte{first}
	if info := first & 31; info >= 24 && info < 28 {
		rest := make([]byte, 1<<(info-24))
		if _, err := io.ReadFull(r, rest); err != nil {
			return nil, &badMessage{"C1", errShort}
		}
		head = append(head, rest...)
	}
	major, _, size, err := (&cborReader{head}).head()
	if err != nil || major != 2 {
		return nil, &badMessage{"C1", fmt.Errorf("a message is a CBOR byte string, and came the head % X", head)}
	}
	if size > maxMessage {
		return nil, &badMessage{"B1", fmt.Errorf("a message of %d bytes", size)}
	}
	frame := make([]byte, size)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, &badMessage{"C1", errShort}
	}
	return frame, nil
}

func (e *end) note(arrow string, a arrival) {
	text := a.line
	switch {
	case a.err != nil:
		text = "(end: " + a.err.Error() + ")"
	case a.msg != nil:
		text = show(a.msg)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log = append(e.log, arrow+clip(text))
}

// heard returns the last lines that went by.
func (e *end) heard(n int) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.log[max(0, len(e.log)-n):]...)
}

func clip(s string) string {
	if len(s) > 600 {
		return strings.ToValidUTF8(s[:600], "") + "…"
	}
	return s
}

// frame is a message as the peer will read it.
func (e *end) frame(o Object) []byte {
	if e.enc == jsonLines {
		return append(appendJSON(nil, o), '\n')
	}
	body := appendCBOR(nil, o)
	return append(appendHead(nil, 2, uint64(len(body))), body...)
}

func (e *end) send(o Object) error {
	e.note("--> ", arrival{msg: o})
	return e.write(e.frame(o))
}

// raw sends bytes, told as they are in the report.
func (e *end) raw(b []byte, told string) error {
	e.note("==> ", arrival{line: told})
	return e.write(b)
}

// write gives up with the patience: a peer that does not read is at fault. [O3]
func (e *end) write(b []byte) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	done := make(chan error, 1)
	go func() {
		_, err := e.rw.Write(b)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(e.patience):
		e.rw.Close() // ends the write
		<-done
		return fmt.Errorf("[O3] the peer does not read: nothing could be sent for %v", e.patience)
	}
}

// errSilent says that nothing came for as long as the patience lasts.
var errSilent = errors.New("nothing came")

// receive waits for what comes next.
func (e *end) receive() arrival { return e.within(e.patience) }

func (e *end) within(d time.Duration) arrival {
	select {
	case a, ok := <-e.in:
		if !ok {
			return arrival{err: io.EOF}
		}
		return a
	case <-time.After(d):
		return arrival{err: fmt.Errorf("%w for %v", errSilent, d)}
	}
}

// closeWrite ends what is sent.
func (e *end) closeWrite() error {
	if c, ok := e.rw.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.New("this connection cannot end one direction alone")
}
