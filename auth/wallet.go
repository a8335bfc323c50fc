package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sabir-ipc/sabir/internal/keep"
)

// Wallet is the file of a client's own secrets, one server a line: host:port and id.secret. Any goroutine may use it,
// and other processes may use the file. There need be none.
type Wallet struct {
	Path string
}

// WalletError says which line of a wallet is wrong. It tells nothing of what is in the line.
type WalletError struct {
	Path string
	Line int
}

func (e *WalletError) Error() string {
	return fmt.Sprintf("%s:%d: is not HOST:PORT ID.SECRET", e.Path, e.Line)
}

// Lookup finds what to say to the server at hostPort.
func (w *Wallet) Lookup(hostPort string) (id string, secret Secret, ok bool, err error) {
	data, _, err := keep.Read(w.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", Secret{}, false, nil
	}
	if err != nil {
		return "", Secret{}, false, err
	}
	number := 0
	for text := range strings.Lines(string(data)) {
		number++
		fields := strings.Fields(text)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return "", Secret{}, false, &WalletError{w.Path, number}
		}
		i := strings.LastIndexByte(fields[1], '.') // generated secrets have none, the names of people may
		if i < 0 || !validID(fields[1][:i]) || fields[1][i+1:] == "" {
			return "", Secret{}, false, &WalletError{w.Path, number}
		}
		if fields[0] == hostPort {
			return fields[1][:i], Secret{fields[1][i+1:]}, true, nil
		}
	}
	return "", Secret{}, false, nil
}

// Put notes what to say to a server, instead of what was there. Passwords of people are for their heads: only secrets
// without blanks and dots are taken, as generated ones are.
func (w *Wallet) Put(hostPort, id string, secret Secret) error {
	if len(strings.Fields(hostPort)) != 1 || !validID(id) || secret.text == "" || strings.ContainsAny(secret.text, " .\t\r\n") {
		return fmt.Errorf("%s: cannot be written as HOST:PORT ID.SECRET", w.Path)
	}
	return w.change(hostPort, hostPort+" "+id+"."+secret.text+"\n")
}

// Forget takes out what was noted for a server, if anything was.
func (w *Wallet) Forget(hostPort string) error { return w.change(hostPort, "") }

func (w *Wallet) change(hostPort, line string) error {
	return keep.Change(w.Path, func(old []byte) ([]byte, error) {
		var out strings.Builder
		for text := range strings.Lines(string(old)) {
			if fields := strings.Fields(text); len(fields) > 0 && fields[0] == hostPort {
				continue
			}
			out.WriteString(strings.TrimRight(text, "\n") + "\n")
		}
		return []byte(out.String() + line), nil
	})
}
