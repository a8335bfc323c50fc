package transport

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sabir-ipc/sabir/internal/keep"
)

// KnownHosts is the file of the servers that this user knows, one a line: host:port, the fingerprint of its
// certificate and, where the server has announced it, that of the next one. Any goroutine may use it, and other
// processes may use the file. There need be none. spec [K19]
type KnownHosts struct {
	Path string
}

// KnownHost is one line of it.
type KnownHost struct {
	HostPort string // as Address.HostPort writes it
	Pin      Fingerprint
	Next     Fingerprint // zero: not announced
}

// KnownHostsError says which line is wrong, and how. Lines are not skipped: a server that is not found would be met as
// if for the first time.
type KnownHostsError struct {
	Path   string
	Line   int
	Reason string
}

func (e *KnownHostsError) Error() string { return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Reason) }

// HostPort is how a server is called in the file: lower case, always with a port, IPv6 in brackets.
func (a Address) HostPort() string {
	host := strings.ToLower(a.Host)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := a.Port
	if port == "" {
		port = defaultPorts[a.Scheme]
	}
	return host + ":" + port
}

// All lists the file, in its order.
func (k *KnownHosts) All() ([]KnownHost, error) {
	data, _, err := keep.Read(k.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lines, err := k.parse(data)
	var all []KnownHost
	for _, l := range lines {
		if l.host != nil {
			all = append(all, *l.host)
		}
	}
	return all, err
}

// Lookup finds a server by its HostPort.
func (k *KnownHosts) Lookup(hostPort string) (host KnownHost, ok bool, err error) {
	all, err := k.All()
	for _, host := range all {
		if host.HostPort == hostPort {
			return host, true, err
		}
	}
	return KnownHost{}, false, err
}

// Accept enters a server, or another certificate for it, because a person said so.
func (k *KnownHosts) Accept(hostPort string, pin Fingerprint) error {
	return k.change(hostPort, func(*KnownHost) (*KnownHost, error) {
		return &KnownHost{HostPort: hostPort, Pin: pin}, nil
	})
}

// Learn enters what a server that has proved itself has shown, and the next certificate that it announces. What was
// the next before is now the present one. *CertificateError if the file has meanwhile come to say something else.
// spec [K17], [K18]
//
// The file is written only if it says something else: it may be one that cannot be, or on a disk that is full.
func (k *KnownHosts) Learn(shown Shown, next Fingerprint) error {
	if host, ok, err := k.Lookup(shown.HostPort); err == nil && ok && host.Pin == shown.Fingerprint && host.Next == next {
		return nil
	}
	return k.change(shown.HostPort, func(old *KnownHost) (*KnownHost, error) {
		if old != nil && shown.By != ByAddress && old.Pin != shown.Fingerprint && old.Next != shown.Fingerprint {
			return nil, &CertificateError{shown.HostPort, old.Pin, shown.Fingerprint, ByKnownHost}
		}
		return &KnownHost{shown.HostPort, shown.Fingerprint, next}, nil
	})
}

// Meet is Learn for who has not asked what the next certificate is.
func (k *KnownHosts) Meet(shown Shown) error {
	if host, ok, err := k.Lookup(shown.HostPort); err == nil && ok && host.Pin == shown.Fingerprint {
		return nil
	}
	return k.Learn(shown, Fingerprint{})
}

// Forget takes a server out; false: it was not in.
func (k *KnownHosts) Forget(hostPort string) (was bool, err error) {
	err = k.change(hostPort, func(old *KnownHost) (*KnownHost, error) {
		was = old != nil
		return nil, nil
	})
	return was, err
}

// hostLine is a line of the file: a server, or a remark, which is kept.
type hostLine struct {
	text string
	host *KnownHost
}

func (k *KnownHosts) parse(data []byte) ([]hostLine, error) {
	var lines []hostLine
	seen := map[string]bool{}
	number := 0
	for text := range strings.Lines(string(data)) {
		number++
		text = strings.TrimRight(text, "\r\n")
		fields := strings.Fields(text)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			lines = append(lines, hostLine{text, nil})
			continue
		}
		host, reason := parseKnownHost(fields)
		if reason == "" && seen[host.HostPort] {
			reason = host.HostPort + " is already above"
		}
		if reason != "" {
			return nil, &KnownHostsError{k.Path, number, reason}
		}
		seen[host.HostPort] = true
		lines = append(lines, hostLine{text, &host})
	}
	return lines, nil
}

func parseKnownHost(fields []string) (host KnownHost, reason string) {
	if len(fields) < 2 || len(fields) > 3 {
		return host, "is not HOST:PORT FINGERPRINT [NEXT]"
	}
	a, err := Parse("sabir://" + fields[0])
	if err != nil || a.HostPort() != fields[0] {
		return host, fmt.Sprintf("%q is not host:port in lower case", fields[0])
	}
	host.HostPort = fields[0]
	host.Pin, err = ParseFingerprint(fields[1])
	if err == nil && len(fields) == 3 {
		host.Next, err = ParseFingerprint(fields[2])
	}
	if err != nil {
		return host, err.Error()
	}
	return host, ""
}

func (h KnownHost) format() string {
	text := h.HostPort + " " + h.Pin.String()
	if h.Next != (Fingerprint{}) {
		text += " " + h.Next.String()
	}
	return text
}

// change gives edit the line of a server, nil if there is none, and puts what it returns in its place, or at the end.
func (k *KnownHosts) change(hostPort string, edit func(*KnownHost) (*KnownHost, error)) error {
	return keep.Change(k.Path, func(data []byte) ([]byte, error) {
		lines, err := k.parse(data)
		if err != nil {
			return nil, err
		}
		at := len(lines)
		var old *KnownHost
		for i, l := range lines {
			if l.host != nil && l.host.HostPort == hostPort {
				at, old = i, l.host
			}
		}
		host, err := edit(old)
		if err != nil {
			return nil, err
		}
		if host != nil && at == len(lines) {
			lines = append(lines, hostLine{})
		}
		var out strings.Builder
		for i, l := range lines {
			switch {
			case i != at:
				out.WriteString(l.text + "\n")
			case host != nil:
				out.WriteString(host.format() + "\n")
			}
		}
		return []byte(out.String()), nil
	})
}
