package faults_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sabir-ipc/sabir/internal/needed"
)

// machine is a network namespace with one interface, whose packets are ours to carry.
type machine struct {
	address netip.Addr
	space   *os.File // the namespace
	tun     *os.File // a packet each
}

// newMachine asks for a machine on which one may make network namespaces.
func newMachine(t *testing.T, address string) *machine {
	t.Helper()
	m := &machine{address: netip.MustParseAddr(address)}
	err := elsewhere(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if m.space, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		if err = os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", fmt.Appendln(nil, firstPort, firstPort+ports-1), 0); err != nil {
			return err
		}
		m.tun, err = plug(m.address)
		return err
	})
	if errors.Is(err, unix.EPERM) || errors.Is(err, os.ErrNotExist) {
		needed.Missing(t, "networks", err)
	}
	if err != nil {
		t.Fatal("a network of our own: ", err)
	}
	t.Cleanup(func() { m.tun.Close(); m.space.Close() })
	return m
}

// elsewhere runs f in a thread that is not used again, whatever f does to it.
func elsewhere(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// start runs a command on the machine.
func (m *machine) start(cmd *exec.Cmd) error {
	return elsewhere(func() error {
		if err := unix.Setns(int(m.space.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return cmd.Start()
	})
}

// plug makes the interface of the namespace that the thread is in.
func plug(address netip.Addr) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	tun, err := unix.NewIfreq("tun0")
	if err != nil {
		return nil, err
	}
	tun.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, tun); err != nil {
		unix.Close(fd)
		return nil, err
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	defer unix.Close(s)
	at, mask, up := *tun, *tun, *tun
	err = errors.Join(at.SetInet4Addr(address.AsSlice()), mask.SetInet4Addr([]byte{255, 255, 255, 0}))
	if err == nil {
		err = unix.IoctlIfreq(s, unix.SIOCSIFADDR, &at)
	}
	if err == nil {
		err = unix.IoctlIfreq(s, unix.SIOCSIFNETMASK, &mask)
	}
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err == nil {
		err = unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, &up)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true) // so that Close ends a Read
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "tun"), nil
}

// direction is which way packets go.
type direction int

const (
	there direction = iota // from the near machine to the far one
	back
)

// cable carries packets between two machines, unless it is cut. On the way is a NAT, which gives the near machine's
// connections other ports, as those of a home do.
type cable struct {
	near, far *machine

	mu     sync.Mutex
	cut    [2]bool
	lost   int    // packets, by a cut
	offset uint16 // from a port of the near machine to the one that the far machine sees
}

func newCable(t *testing.T) *cable {
	c := &cable{near: newMachine(t, "10.64.0.2"), far: newMachine(t, "10.64.0.1"), offset: 1}
	var all sync.WaitGroup
	all.Go(func() { c.carry(c.near.tun, c.far.tun, there) })
	all.Go(func() { c.carry(c.far.tun, c.near.tun, back) })
	t.Cleanup(func() { c.near.tun.Close(); c.far.tun.Close(); all.Wait() })
	return c
}

// set cuts and mends.
func (c *cable) set(cutThere, cutBack bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = [2]bool{cutThere, cutBack}
}

func (c *cable) isCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut[there] || c.cut[back]
}

func (c *cable) dropped() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// forget has the NAT know nothing of the connections that there are: what comes for them is dropped, and what the near
// machine sends has new ports.
func (c *cable) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += ports
}

func (c *cable) carry(from io.Reader, to io.Writer, d direction) {
	packet := make([]byte, 1<<16)
	for {
		n, err := from.Read(packet)
		if err != nil {
			return
		}
		if p := packet[:n]; c.pass(p, d) {
			to.Write(p)
		}
	}
}

// pass is what the NAT does to a packet; false: it does not get through.
func (c *cable) pass(p []byte, d direction) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	const ipv4, tcp = 4, 6
	if len(p) < 40 || p[0]>>4 != ipv4 || p[9] != tcp {
		return false
	}
	if c.cut[d] {
		c.lost++
		return false
	}
	segment := p[int(p[0]&15)*4:]
	switch d {
	case there:
		translate(segment, 0, c.offset)
	case back:
		if port := binary.BigEndian.Uint16(segment[2:]) - c.offset; port < firstPort || port >= firstPort+ports {
			return false // to one that was forgotten
		}
		translate(segment, 2, -c.offset)
	}
	return true
}

// The ports that a machine gives to its connections. The NAT moves them by more than there are, so that those of before
// and after it has forgotten are apart.
const (
	firstPort = 20000
	ports     = 1 << 13
)

// translate adds to a port of a TCP segment, and to its checksum as RFC 1624 has it.
func translate(segment []byte, at int, add uint16) {
	old := binary.BigEndian.Uint16(segment[at:])
	binary.BigEndian.PutUint16(segment[at:], old+add)
	sum := uint32(^binary.BigEndian.Uint16(segment[16:])) + uint32(^old) + uint32(old+add)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(segment[16:], ^uint16(sum))
}
