package transport

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Address is a parsed address. Which fields count is said by Scheme; the others are empty, so that two addresses
// that mean the same by the letter are equal by reflect.DeepEqual.
type Address struct {
	Scheme  string   // "name", "unix", "exec", "ssh", "tcp", "sabir", "ws", "wss", "http" or "https"
	Name    string   // of "name": lounge, lounge-work
	Path    string   // of "unix", as written: it may be relative; of the web schemes, as in the URL, or empty
	Command []string // of "exec": the program and its arguments
	Host    string   // of "ssh" (user@host allowed) and the network schemes; IPv6 without its brackets
	Port    string   // of the network schemes, decimal; empty where the scheme has a default
	Service string   // the /service of "ssh" and "sabir"
	Rest    string   // what follows host and service or path, unparsed, with its leading '#'; it may hold secrets
}

// AddressError says what is wrong with an address. Hint, where there is one, is what to write instead; it is kept
// out of Error because a terminal gives it a line of its own.
type AddressError struct {
	Text, Reason, Hint string
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("address %q: %s", redact(e.Text), e.Reason)
}

// Parse reads an address as people write it: lounge, /run/lounge.sock, ./lounge.sock, unix:/run/lounge.sock,
// exec:command args, ssh:host/service, tcp:host:port, sabir://host:port/service#fp=…, ws://…, wss://…, http://…,
// https://…. It looks nothing up and touches no file. Errors are *AddressError.
func Parse(text string) (Address, error) {
	a, fault := split(text)
	if fault == nil {
		fault = a.fault()
	}
	if fault != nil {
		fault.Text = text
		if _, fragment, _ := strings.Cut(text, "#"); fragment != "" { // reasons and hints repeat parts of the text
			fault.Reason, fault.Hint = strings.ReplaceAll(fault.Reason, fragment, "…"), strings.ReplaceAll(fault.Hint, fragment, "…")
		}
		fault.Reason, fault.Hint = hideToken(fault.Reason), hideToken(fault.Hint)
		return Address{}, fault
	}
	return a, nil
}

// String writes the address so that Parse reads the same one. It includes Rest, so a sabir: pairing address must
// not be logged.
func (a Address) String() string {
	switch a.Scheme {
	case "name":
		return a.Name
	case "unix":
		return "unix:" + a.Path
	case "exec":
		return "exec:" + joinWords(a.Command)
	case "ssh":
		if a.Service == "" {
			return "ssh:" + a.Host
		}
		return "ssh:" + a.Host + "/" + a.Service
	case "tcp":
		return "tcp:" + net.JoinHostPort(a.Host, a.Port)
	}
	host := a.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if a.Port != "" {
		host += ":" + a.Port
	}
	switch {
	case a.Scheme == "sabir" && (a.Service != "" || a.Rest != ""):
		host += "/" + a.Service
	case a.Web():
		host += a.Path
	}
	return a.Scheme + "://" + host + a.Rest
}

// defaultPorts are those of the schemes that have one.
var defaultPorts = map[string]string{"sabir": DefaultPort, "ws": "80", "http": "80", "wss": "443", "https": "443"}

// Web reports whether the address is one of HTTP: ws:, wss:, http: or https:.
func (a Address) Web() bool { return a.Scheme == "ws" || a.Scheme == "http" || a.secureWeb() }

func (a Address) secureWeb() bool { return a.Scheme == "wss" || a.Scheme == "https" }

// split takes text apart by its form alone; whether the parts are any good is fault's matter, which Dial and Listen
// ask again because an Address can be made by hand.
func split(text string) (Address, *AddressError) {
	for _, start := range []string{"/", "./", "../"} {
		if strings.HasPrefix(text, start) {
			return Address{Scheme: "unix", Path: text}, nil
		}
	}
	scheme, rest, ok := strings.Cut(text, ":")
	if !ok {
		return Address{Scheme: "name", Name: text}, nil
	}
	switch scheme {
	case "unix":
		return Address{Scheme: scheme, Path: rest}, nil
	case "exec":
		words, reason := splitWords(rest)
		if reason != "" {
			return Address{}, &AddressError{Reason: reason}
		}
		return Address{Scheme: scheme, Command: words}, nil
	case "ssh":
		return splitSSH(rest)
	case "tcp":
		if after, ok := strings.CutPrefix(rest, "//"); ok {
			return Address{}, &AddressError{Reason: "tcp: takes no slashes", Hint: "tcp:" + after}
		}
		if strings.ContainsAny(rest, "/#") {
			return Address{}, &AddressError{Reason: "tcp: takes a host and a port and nothing else", Hint: "with a secret it is sabir://host:port/#t=… where there is TLS, else ws://localhost:port/#t=…"}
		}
		host, port, reason := splitHostPort(rest)
		if reason != "" {
			return Address{}, &AddressError{Reason: reason, Hint: "tcp:localhost:4444"}
		}
		return Address{Scheme: scheme, Host: host, Port: port}, nil
	case "sabir", "ws", "wss", "http", "https":
		return splitURL(scheme, rest)
	}
	// localhost:4444 is the likeliest of all slips, so it gets its answer.
	if validPort(rest) {
		return Address{}, &AddressError{Reason: "a host and port need a scheme", Hint: "tcp:" + text}
	}
	return Address{}, &AddressError{
		Reason: fmt.Sprintf("unknown scheme %q", scheme),
		Hint:   "one of unix: exec: ssh: tcp: sabir:// ws:// wss:// http:// https://",
	}
}

func splitSSH(rest string) (Address, *AddressError) {
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		return Address{}, &AddressError{Reason: "ssh: takes no slashes before the host", Hint: "ssh:" + after}
	}
	host, service, _ := strings.Cut(rest, "/")
	user, machine, ok := strings.Cut(host, "@")
	if !ok {
		user, machine = "", host
	} else {
		user += "@"
	}
	if len(machine) > 1 && machine[0] == '[' && machine[len(machine)-1] == ']' {
		machine = machine[1 : len(machine)-1]
	}
	return Address{Scheme: "ssh", Host: user + machine, Service: service}, nil
}

func splitURL(scheme, rest string) (Address, *AddressError) {
	rest, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return Address{}, &AddressError{Reason: scheme + ": is followed by two slashes", Hint: scheme + "://" + rest}
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	if strings.Contains(authority, "@") {
		return Address{}, &AddressError{Reason: "a user or password has no place in an address: addresses are logged"}
	}
	host, port, reason := splitHostPort(authority)
	if reason != "" {
		return Address{}, &AddressError{Reason: reason, Hint: scheme + "://host:port"}
	}
	a := Address{Scheme: scheme, Host: host, Port: port}
	path, fragment, _ := strings.Cut(tail, "#")
	if strings.Contains(path, "?") {
		return Address{}, &AddressError{Reason: scheme + ": addresses have no query"}
	}
	if scheme == "sabir" {
		a.Service = strings.TrimPrefix(path, "/")
	} else {
		a.Path = path
	}
	if fragment != "" {
		a.Rest = "#" + fragment
		if a.Web() && path == "" {
			a.Path = "/"
		}
	}
	return a, nil
}

// splitHostPort is net.SplitHostPort with an optional port and reasons a person can use.
func splitHostPort(text string) (host, port, reason string) {
	host, port, hasPort := strings.Cut(text, ":")
	if strings.HasPrefix(text, "[") {
		inside, after, ok := strings.Cut(text[1:], "]")
		if !ok || !strings.Contains(inside, ":") {
			return "", "", "brackets are for an IPv6 address"
		}
		if after != "" && after[0] != ':' {
			return "", "", "only a port may follow the brackets"
		}
		host, port, hasPort = inside, strings.TrimPrefix(after, ":"), after != ""
	} else if strings.Contains(port, ":") {
		return "", "", "an IPv6 address goes in brackets"
	}
	if hasPort && port == "" {
		return "", "", "no port after the colon"
	}
	return host, port, ""
}

// fault says what is wrong with the parts of a, or nil.
func (a Address) fault() *AddressError {
	bad := func(reason, hint string) *AddressError { return &AddressError{a.String(), reason, hint} }
	switch a.Scheme {
	case "name":
		if !validName(a.Name) {
			return bad(nameFault(a.Name))
		}
		return nil
	case "unix":
		switch {
		case a.Path == "":
			return bad("no path", "unix:/run/lounge.sock")
		case strings.Contains(a.Path, "\x00"):
			return bad("a path cannot contain a zero byte", "")
		case a.Path[0] == '@':
			// net would take it for Linux's abstract namespace, where any user may listen.
			return bad("abstract sockets have no owner and no permissions", "unix:./"+a.Path)
		}
		return nil
	case "exec":
		if len(a.Command) == 0 || a.Command[0] == "" {
			return bad("no command", "exec:command args")
		}
		for _, word := range a.Command {
			if strings.Contains(word, "\x00") {
				return bad("an argument cannot contain a zero byte", "")
			}
		}
		return nil
	case "ssh":
		if reason := sshHostFault(a.Host); reason != "" {
			return bad(reason, "ssh:host/service; what else ssh should know goes in ~/.ssh/config")
		}
	case "tcp", "sabir", "ws", "wss", "http", "https":
		if reason := hostFault(a.Host); reason != "" {
			return bad(reason, "")
		}
		if a.Port == "" && a.Scheme == "tcp" {
			if validPort(a.Host) {
				return bad("no host", "tcp:localhost:"+a.Host)
			}
			return bad("no port", "tcp:"+a.Host+":4444")
		}
		if a.Port != "" && !validPort(a.Port) {
			return bad(fmt.Sprintf("port %q is not a number from 0 to 65535", a.Port), "")
		}
		if strings.ContainsFunc(a.Path+a.Rest, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return bad("blanks and control characters have no place in an address", "")
		}
		if _, err := url.PathUnescape(a.Path); err != nil {
			return bad("a % in a path is followed by two digits of hex", "")
		}
	default:
		return bad(fmt.Sprintf("unknown scheme %q", a.Scheme), "")
	}
	if a.Service != "" && !validName(a.Service) {
		return bad(fmt.Sprintf("service %q is not a name: lower-case letters, digits, _ and -, a letter first", a.Service), "")
	}
	return nil
}

// sshHostFault is strict beyond need: ssh hands the host to shells through ProxyCommand and Match exec, and takes a
// leading '-' for an option.
func sshHostFault(host string) string {
	user, machine, ok := strings.Cut(host, "@")
	if !ok {
		return hostFault(host)
	}
	if user == "" || user[0] == '-' || strings.ContainsFunc(user, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("._-+", r) }) {
		return fmt.Sprintf("%q is not a user name", user)
	}
	return hostFault(machine)
}

func hostFault(host string) string {
	switch {
	case host == "":
		return "no host"
	case host[0] == '-':
		return "a host cannot begin with '-': it would be taken for an option"
	case strings.Contains(host, ":"):
		if _, err := netip.ParseAddr(host); err != nil || strings.ContainsFunc(host, notHost) {
			return fmt.Sprintf("%q is not an IPv6 address", host)
		}
	case strings.Contains(host, "%") || strings.ContainsFunc(host, notHost):
		return fmt.Sprintf("%q is not a host name", host)
	}
	return ""
}

func notHost(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("._-:%", r) }
func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func validPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func validName(name string) bool {
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '_' || r == '-')
	})
}

// nameFault guesses what somebody meant who wrote neither a name nor a scheme.
func nameFault(name string) (reason, hint string) {
	switch lower := strings.ToLower(name); {
	case name == "":
		return "empty", "a name such as lounge, or a path such as ./lounge.sock"
	case strings.Contains(name, "/") || strings.HasSuffix(name, ".sock"):
		return "neither a name nor a path: a path begins with / or ./", "./" + name
	case validName(lower):
		return "names are lower-case", lower
	}
	return "not a name: lower-case letters, digits, _ and -, a letter first", ""
}

// redact cuts from an address what may be secret: user and password, query and fragment. Of what is no address,
// because something is missing or too much, it cuts what looks like that.
func redact(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		if before, _, cut := strings.Cut(text, "#"); cut {
			text = before + "#…"
		}
		return hideToken(text)
	}
	rest = hideToken(rest)
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "…" + rest[i:]
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i+1] + "…"
	}
	return scheme + "://" + rest
}

// hideToken cuts ID.SECRET as sabir token and sabir pair make them, spec [K7]: 10 and 22 characters.
func hideToken(text string) string {
	const id, secret = 10, 22
	other := func(r rune) bool { return !alphanumeric(r) && r != '-' && r != '_' }
	for dot := range text {
		start, end := dot-id, dot+1+secret
		if text[dot] == '.' && start >= 0 && end <= len(text) && '0' <= text[start] && text[start] <= '9' &&
			!strings.ContainsFunc(text[start:dot], other) && !strings.ContainsFunc(text[dot+1:end], other) {
			return text[:start] + "…" + hideToken(text[end:])
		}
	}
	return text
}
