package main

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/internal/keep"
	"github.com/sabir-ipc/sabir/wire"
)

// kept is what a service said of itself, as a file of ours has it. It is as old
// as the file: whoever uses it has to be told by the service if it is too old.
type kept struct {
	Address  string
	Service  string
	Hash     string
	Services []idl.Service
}

// maxKept is how many files there are at most.
const maxKept = 200

// keptFile is the file for a service at an address; empty: there is no place for
// one. The same address means another socket under other settings.
func (a *app) keptFile(address, service string) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	key := strings.Join([]string{address, service, a.getenv("SABIR_DIR"), a.getenv("XDG_RUNTIME_DIR")}, "\x00")
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, "sabir", base64.RawURLEncoding.EncodeToString(sum[:18])+".json")
}

// remembered is what was kept of a service; nil: nothing that can be used.
func (a *app) remembered(address, service string) *kept {
	file := a.keptFile(address, service)
	if file == "" {
		return nil
	}
	text, _, err := keep.Read(file)
	if err != nil {
		return nil
	}
	k := new(kept)
	parser := wire.Parser{Enc: wire.JSON}
	if parser.Check(text) != nil || len(codec.For[kept]().Decode(wire.Value{Enc: wire.JSON, Raw: text}, k, codec.Lenient)) > 0 {
		return nil
	}
	if k.Address != address || k.Service != service || len(k.Services) != 1 || checkService(&k.Services[0]) != nil {
		return nil
	}
	return k
}

// remember keeps what a service said of itself. If it cannot, the next command
// asks again; nothing else comes of it.
func (a *app) remember(k *kept) {
	file := a.keptFile(k.Address, k.Service)
	if file == "" || k.Hash == "" || keep.Dir(filepath.Dir(file)) != nil {
		return
	}
	text, err := codec.AppendAny(nil, wire.JSON, k)
	if err != nil {
		return
	}
	if keep.ChangeNow(file, func([]byte) ([]byte, error) { return text, nil }) == nil {
		forgetOldest(filepath.Dir(file))
	}
}

// forgetOldest keeps the number of files below maxKept.
func forgetOldest(dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) <= maxKept {
		return
	}
	age := func(file string) time.Time {
		if info, err := os.Lstat(file); err == nil {
			return info.ModTime()
		}
		return time.Time{}
	}
	slices.SortFunc(files, func(a, b string) int { return age(a).Compare(age(b)) })
	for _, file := range files[:len(files)-maxKept] {
		os.Remove(file)
		os.Remove(file + ".lock")
	}
}
