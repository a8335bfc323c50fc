package clients

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/internal/needed"
)

// greeted is what each hello prints.
const greeted = "hello, ann\nhello.Shy: bob wants no greeting\n"

// Each hello is understood by each service called hello, and prints the same.
func TestHello(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	services := helloServices(t)
	for _, c := range clients {
		hello := strings.NewReplacer("client", "hello", "Client", "Hello").Replace
		file := hello(c.file)
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			for _, tool := range c.needs {
				needed.Tool(t, tool)
			}
			most := 22
			if file == "hello.c" {
				most = 40
			}
			if n := lines(t, file); n > most {
				t.Errorf("%d lines, more than %d", n, most)
			}
			out := t.TempDir()
			if c.build != "" {
				shell(t, "", out, hello(c.build))
			}
			for service, dir := range services {
				stdout, stderr, err := shell(t, dir, out, hello(c.run))
				if stdout != greeted || stderr != "" || err != nil {
					t.Errorf("of %s: %v\nstdout: %q\nstderr: %q", service, err, stdout, stderr)
				}
			}
		})
	}
	t.Run("with the libraries", func(t *testing.T) {
		out, err := filepath.Abs(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		greet := "../../examples/greet/"
		shell(t, "", out, "go build -o $O/greet "+greet)
		runs := map[string]string{"Go": "$O/greet"}
		for service, dir := range services {
			if service == "Python" {
				runs["Python"] = "PYTHONPATH=../../bindings/python python3 " + greet + "greet.py"
			}
			for language, run := range runs {
				if stdout, stderr, err := shell(t, dir, out, run); stdout != greeted || err != nil {
					t.Errorf("%s, of %s: %v\nstdout: %q\nstderr: %q", language, service, err, stdout, stderr)
				}
			}
		}
		needed.Tool(t, "node")
		needed.Tool(t, "curl")
		address := front(t, out, services["Go"])
		shell(t, "", out, "cp "+greet+"greet.mjs $O/ && curl -sSf -o $O/sabir.mjs "+address+"/sabir.js")
		token, _, _ := shell(t, services["Go"], out, "XDG_STATE_HOME=$O/state $O/sabir token new hello --name page")
		stdout, stderr, err := shell(t, "", out, "node --experimental-websocket --no-warnings $O/greet.mjs "+address+"/#t="+strings.TrimSpace(token))
		if stdout != greeted || err != nil {
			t.Errorf("JavaScript: %v\nstdout: %q\nstderr: %q", err, stdout, stderr)
		}
	})
}

// helloServices starts those there are, each in a folder of its own.
func helloServices(t *testing.T) (dirs map[string]string) {
	out := t.TempDir()
	dirs = make(map[string]string)
	begin := func(language, build, program string, args ...string) {
		dir, err := os.MkdirTemp("", "sabir")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if build != "" {
			shell(t, dir, out, build)
		}
		cmd := exec.Command(strings.Replace(program, "$O", out, 1), args...)
		cmd.Env = append(os.Environ(), "SABIR_DIR="+dir, "PYTHONPATH=../../bindings/python")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Signal(syscall.SIGTERM)
			late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer late.Stop()
			cmd.Wait()
		})
		awaitSocket(t, filepath.Join(dir, "hello.sock"))
		dirs[language] = dir
	}
	begin("Go", "go build -o $O/hello ../../examples/hello", "$O/hello")
	if _, err := exec.LookPath("python3"); err == nil {
		begin("Python", "", "python3", "../../bindings/python/examples/hello.py")
	}
	if _, err := exec.LookPath("cc"); err == nil {
		begin("C", "cc -o $O/service service.c", "$O/service")
	}
	return dirs
}

func awaitSocket(t *testing.T, path string) {
	t.Helper()
	for try := 0; ; try++ {
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
			return
		}
		if try > 2000 {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // until it listens, which it does not tell
	}
}

// front lets the network in to hello, and returns where.
func front(t *testing.T, out, dir string) (address string) {
	shell(t, "", out, "go build -o $O/sabir ../../cmd/sabir")
	cmd := exec.Command(filepath.Join(out, "sabir"), "front", "hello", "--listen", "tcp:127.0.0.1:0")
	cmd.Env = append(os.Environ(), "SABIR_DIR="+dir, "XDG_STATE_HOME="+filepath.Join(out, "state"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for b := bufio.NewScanner(stderr); b.Scan(); {
			t.Log(b.Text())
			if found := regexp.MustCompile(`http://[0-9.:]+`).FindString(b.Text()); found != "" {
				select {
				case told <- found:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-heard
		cmd.Wait()
	})
	select {
	case address = <-told:
	case <-time.After(time.Minute):
		t.Fatal("sabir front does not tell where it listens")
	}
	return address
}

// The page shows what is in the files that it names.
func TestHelloPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(folder, "hello.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)\\[[^\\]]+\\]\\(([^)]+)\\)[^\n]*\n\n```[a-z]+\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) < 10 || len(blocks) != bytes.Count(page, []byte("\n```"))/2-1 { // one is a shell's
		t.Errorf("%d blocks behind the name of a file", len(blocks))
	}
	for _, b := range blocks {
		text, err := os.ReadFile(filepath.Join(folder, string(b[1])))
		if err != nil {
			t.Error(err)
		}
		for part := range bytes.SplitSeq(b[2], []byte("\n\n")) {
			indented := regexp.MustCompile(`(?m)^(.)`).ReplaceAll(part, []byte("\t$1"))
			if part = bytes.TrimRight(part, "\n"); !bytes.Contains(text, part) && !bytes.Contains(text, bytes.TrimRight(indented, "\n")) {
				t.Errorf("%s has not\n%s", b[1], part)
			}
		}
	}
}
