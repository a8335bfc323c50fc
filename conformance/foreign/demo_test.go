package foreign_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/transport"
)

// demo starts `sabir demo` with TLS, as anybody would, and returns what `sabir pair` prints for a level.
func demo(t *testing.T) (pair func(level string) string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary := filepath.Join(dir, "sabir")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/sabir").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Env = append(os.Environ(), "SABIR_DIR="+dir, "SABIR_ADDRESS=", "XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
		return cmd
	}
	daemon := command("demo", "--listen", "sabir://127.0.0.1:0")
	stderr, err := daemon.StderrPipe()
	if err == nil {
		err = daemon.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		daemon.Process.Signal(os.Interrupt)
		if err := daemon.Wait(); err != nil {
			t.Error("the daemon: ", err)
		}
	})
	told := bufio.NewScanner(stderr)
	for listens := regexp.MustCompile(`and at sabir://127\.0\.0\.1:\d+`); ; {
		if !told.Scan() {
			t.Fatal("the daemon does not listen")
		}
		if listens.MatchString(told.Text()) {
			break
		}
	}
	go io.Copy(io.Discard, stderr)
	return func(level string) string {
		t.Helper()
		out, err := command("pair", "lounge", "--level", level).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
}

// Python and node, each with its own library and a hand-written SCRAM, are paired with the daemon that people start,
// call it and watch it; and what their level does not cover is refused.
//
// clause: K5, K11, K13, K15, S11
func TestDemo(t *testing.T) {
	pair := demo(t)
	for _, client := range []struct{ program, scram, chat string }{{"python3", "scram.py", "chat.py"}, {"node", "scram.mjs", "chat.mjs"}} {
		t.Run(client.program, func(t *testing.T) {
			needed.Tool(t, client.program)
			once := pair("write")
			out, complaint := run(t, []string{client.program, client.scram}, once, "rpc.pair", `{"name":"`+client.program+`"}`)
			var made struct{ ID, Secret, Level string }
			if err := json.Unmarshal([]byte(out), &made); err != nil || made.Level != "write" {
				t.Fatalf("%v: %s, %s", err, out, complaint)
			}
			url := once[:strings.Index(once, "&t=")] + "&t=" + made.ID + "." + made.Secret
			out, complaint = run(t, []string{client.program, client.chat}, url, client.program, "ann", "hello from "+client.program)
			var item struct{ Name, Text string }
			if err := json.Unmarshal([]byte(out), &item); err != nil || item.Name != "ann" || item.Text != "hello from "+client.program {
				t.Errorf("%v: %s, %s", err, out, complaint)
			}
			if out, complaint := run(t, []string{client.program, client.scram}, url, "lounge.share", `{"label":"x","path":"."}`); !strings.HasPrefix(complaint, "denied: lounge.share needs access level admin") {
				t.Errorf("more than its level: %s, %s", out, complaint)
			}
		})
	}
}

// openssl s_client carries the lines, and knows nothing of what is in them.
//
// clause: K5, K13, K15
func TestDemoThroughOpenSSL(t *testing.T) {
	needed.Tool(t, "openssl")
	at, err := transport.Parse(demo(t)("write"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := at.Pairing()
	if err != nil {
		t.Fatal(err)
	}
	connect := func(id, secret string) (call func(method, params string) json.RawMessage, watch func() string) {
		cmd := exec.Command("openssl", "s_client", "-quiet", "-tls1_3", "-alpn", "sabir/1", "-connect", at.HostPort())
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		late := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
		t.Cleanup(func() { late.Stop(); in.Close(); cmd.Process.Kill(); cmd.Wait() })
		lines := bufio.NewScanner(out)
		next := func() string {
			t.Helper()
			if !lines.Scan() {
				t.Fatal("s_client has ended")
			}
			return lines.Text()
		}
		call = func(method, params string) json.RawMessage {
			t.Helper()
			fmt.Fprintf(in, `{"id":1,"method":%q,"params":%s}`+"\n", method, params)
			var answer struct{ Result json.RawMessage }
			if text := next(); json.Unmarshal([]byte(text), &answer) != nil || answer.Result == nil {
				t.Fatalf("%s: %s", method, text)
			}
			return answer.Result
		}
		exchange := func(data string) string {
			t.Helper()
			var result struct{ Data string }
			json.Unmarshal(call("rpc.auth", fmt.Sprintf(`{"mechanism":"SCRAM-SHA-256-PLUS","data":%q}`, data)), &result)
			return result.Data
		}
		client := auth.NewClient(id, auth.KnownSecret(secret), p.Pin[:]) // the certificate's SHA-256 is the binding, too
		final, err := client.Final(exchange(client.First()))
		if err == nil {
			err = client.Verify(exchange(final))
		}
		if err != nil {
			t.Fatal(err)
		}
		return call, func() string {
			fmt.Fprintln(in, `{"id":"w","method":"lounge.status","window":0}`)
			return next()
		}
	}
	call, _ := connect(p.ID, p.Secret)
	var made struct{ ID, Secret string }
	if err := json.Unmarshal(call("rpc.pair", `{"name":"openssl"}`), &made); err != nil {
		t.Fatal(err)
	}
	call, watch := connect(made.ID, made.Secret)
	if got := string(call("lounge.join", `{"room":"dev","name":"ann"}`)); got != `{"members":1}` {
		t.Errorf("%s", got)
	}
	if got := watch(); !strings.HasPrefix(got, `{"method":"rpc.item","params":{"id":"w","value":{`) || !strings.Contains(got, `"users":1`) {
		t.Errorf("%s", got)
	}
}
