package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/sabir-ipc/sabir/idl"
)

// Unit is a service that the hub starts when it is first called: a file
// NAME.toml in one of [Options].Units. docs/hub.md
type Unit struct {
	// Service is its name; default: that of the file.
	Service string
	// Command is the program and its arguments, without a shell, run in the
	// folder of the unit file. It listens as [sabir.ListenAndServe] does under
	// the name of the service: the socket is made for it (LISTEN_FDS).
	Command []string
	// Description is a file .sabir, relative to that of the unit: by it the hub
	// says what the service offers, and refuses calls, without starting it.
	Description string
	// Idle is after how long without a call it is stopped, as "90s"; "0": never.
	// Default: 5 minutes.
	Idle string
	// User is whom it runs as, which only root can choose; default: the hub's.
	User string

	file  string
	desc  *idl.Service
	idle  time.Duration
	owner *owner // nil: the hub's
}

// owner is a user whom a command runs as.
type owner struct {
	uid, gid uint32
	groups   []uint32
	home     string
}

// defaultIdle is how long a service outlives its last call.
const defaultIdle = 5 * time.Minute

var serviceName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// readUnit reads a unit file. The error says where in it the mistake is.
func readUnit(file string) (*Unit, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	u := &Unit{file: file, idle: defaultIdle}
	text, err := readOwned(file)
	if err != nil {
		return nil, err
	}
	meta, err := toml.Decode(string(text), u)
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return nil, fmt.Errorf("%s:%d: %s", file, syntax.Position.Line, syntax.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s; command is a list, as [\"weatherd\", \"--quiet\"], the others are texts", file, strings.TrimPrefix(err.Error(), "toml: "))
	}
	for _, key := range meta.Undecoded() {
		return nil, fmt.Errorf("%s: unknown key %s; there are service, command, description, idle, user", placeOf(file, string(text), key.String()), key)
	}
	if err := u.check(); err != nil {
		key, _, _ := strings.Cut(err.Error(), ":")
		return nil, fmt.Errorf("%s: %w", placeOf(file, string(text), key), err)
	}
	return u, nil
}

// placeOf is where in a file a key is: FILE:LINE, or FILE if it is nowhere.
func placeOf(file, text, key string) string {
	for i, line := range strings.Split(text, "\n") {
		name, _, _ := strings.Cut(line, "=")
		if strings.Trim(name, " \t\"'") == key {
			return fmt.Sprintf("%s:%d", file, i+1)
		}
	}
	return file
}

func (u *Unit) check() (err error) {
	if u.Service == "" {
		u.Service = strings.TrimSuffix(filepath.Base(u.file), ".toml")
	}
	switch {
	case !serviceName.MatchString(u.Service) || u.Service == "rpc" || u.Service == Name:
		return fmt.Errorf("service: %q is no name for one, [a-z][a-z0-9_]*, and not rpc or hub", u.Service)
	case len(u.Command) == 0 || u.Command[0] == "":
		return errors.New(`command: expected a list with a program, as ["weatherd", "--quiet"]`)
	}
	if u.Idle != "" {
		if u.idle, err = time.ParseDuration(u.Idle); err != nil || u.idle < 0 {
			return fmt.Errorf(`idle: expected a time as "90s", or "0" for never, not %q`, u.Idle)
		}
	}
	if u.User != "" {
		if u.owner, err = userNamed(u.User); err != nil {
			return fmt.Errorf("user: %s", strings.TrimPrefix(err.Error(), "user: "))
		}
	}
	if u.Description == "" {
		return errors.New("description: expected a file .sabir, as sabir describe --idl writes one")
	}
	if err := u.describe(); err != nil {
		return fmt.Errorf("description: %w", err)
	}
	return nil
}

// described is where its description is.
func (u *Unit) described() string {
	if filepath.IsAbs(u.Description) {
		return u.Description
	}
	return filepath.Join(filepath.Dir(u.file), u.Description)
}

func (u *Unit) describe() error {
	path := u.described()
	f, err := idl.Load(path, readOwned)
	if err != nil {
		return err
	}
	u.desc = &f.Service
	if u.desc.Name != u.Service {
		return fmt.Errorf("%s describes the service %s, not %s", path, u.desc.Name, u.Service)
	}
	return nil
}

// userNamed looks up whom to run as.
func userNamed(name string) (*owner, error) {
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("only a hub of root runs services as %q", name)
	}
	found, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	ids, err := found.GroupIds()
	if err != nil {
		return nil, err
	}
	o := &owner{home: found.HomeDir}
	for i, text := range append([]string{found.Uid, found.Gid}, ids...) {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, err
		}
		switch i {
		case 0:
			o.uid = uint32(n)
		case 1:
			o.gid = uint32(n)
		default:
			o.groups = append(o.groups, uint32(n))
		}
	}
	return o, nil
}

// readUnits reads the unit files of directories; a service of several is that
// of the first. What is wrong with one leaves the others as they are.
func readUnits(dirs []string) (units []*Unit, faults []error) {
	for _, dir := range dirs {
		files, err := readFolder(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, err)
		}
		for _, f := range files {
			if !strings.HasSuffix(f.Name(), ".toml") || strings.HasPrefix(f.Name(), ".") {
				continue
			}
			u, err := readUnit(filepath.Join(dir, f.Name()))
			if err != nil {
				faults = append(faults, err)
				continue
			}
			i := slices.IndexFunc(units, func(o *Unit) bool { return o.Service == u.Service })
			switch {
			case i < 0:
				units = append(units, u)
			case filepath.Dir(units[i].file) == filepath.Dir(u.file): // in another it stands for it, in the same one is too many
				faults = append(faults, fmt.Errorf("%s: service: %s has %s already", u.file, u.Service, units[i].file))
			}
		}
	}
	return units, faults
}

// readFolder lists what is in a folder that nobody else can put files into.
func readFolder(dir string) ([]fs.DirEntry, error) {
	info, err := os.Stat(dir)
	if err == nil {
		err = owned(dir, info)
	}
	if err != nil {
		return nil, err
	}
	return os.ReadDir(dir)
}

// as has a command run as the user of the unit.
func (u *Unit) as(a *syscall.SysProcAttr) {
	if o := u.owner; o != nil {
		a.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid, Groups: o.groups}
	}
}
