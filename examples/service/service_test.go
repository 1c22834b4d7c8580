//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// TestMain is the program itself when the environment asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("SERVICE_TEST_MAIN") == "" {
		os.Exit(m.Run())
	}
	main()
}

// process is the service as a process of its own.
type process struct {
	*testing.T
	*exec.Cmd
	url string

	mu  sync.Mutex
	log bytes.Buffer
}

// start starts the service and waits until it listens.
func start(t *testing.T, relay, state string, env ...string) *process {
	t.Helper()
	p := command(t, env, "-listen", "127.0.0.1:0", "-relay", relay, "-clear-text", "-state", state)
	out, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	listening := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := regexp.MustCompile(`url=(http://\S+)mail/`).FindStringSubmatch(lines.Text()); m != nil {
				listening <- m[1]
			}
			p.mu.Lock()
			p.log.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
		close(listening)
	}()
	if p.url = <-listening; p.url == "" {
		t.Fatalf("the service does not listen: %s", p.said())
	}
	return p
}

// command returns the service as a command.
func command(t *testing.T, env []string, args ...string) *process {
	p := &process{T: t, Cmd: exec.Command(os.Args[0], args...)}
	p.Env = append(append(os.Environ(), "SERVICE_TEST_MAIN=1", "SERVICE_TOKEN="), env...)
	return p
}

// said returns the log so far.
func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// end sends a signal and waits for the end. It fails the test unless the status is as
// wanted; -1 is that of a process that was killed.
func (p *process) end(signal os.Signal, status int) {
	p.Helper()
	if err := p.Process.Signal(signal); err != nil {
		p.Fatal(err)
	}
	_ = p.Wait()
	if got := p.ProcessState.ExitCode(); got != status {
		p.Errorf("status %d, want %d: %s", got, status, p.said())
	}
}

// post gives the service a message and returns the id of the answer, which must be 202.
func (p *process) post(to ...string) string {
	p.Helper()
	body, _ := json.Marshal(request{From: "news@sender.example", To: to, Subject: "Hello", Text: "How are you?"})
	response, err := http.Post(p.url+"messages", "application/json", bytes.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ ID string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusAccepted || answer.ID == "" {
		p.Fatalf("got %s and %+v (%v), want 202 and an id", response.Status, answer, err)
	}
	return answer.ID
}

// delivered counts the messages that each recipient has got.
func delivered(srv *smtptest.Server) map[string]int {
	got := map[string]int{}
	for _, m := range srv.Messages() {
		for _, to := range m.Recipients {
			got[to.Address]++
		}
	}
	return got
}

// wait waits until so many recipients have their message.
func wait(t *testing.T, srv *smtptest.Server, n int) {
	t.Helper()
	for start := time.Now(); len(delivered(srv)) < n; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			t.Fatalf("got %d recipients with a message, want %d", len(delivered(srv)), n)
		}
	}
}

// held returns the recipients of the file.
func held(t *testing.T, name string) (to []string) {
	t.Helper()
	s, err := openState(name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	left, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range left {
		to = append(to, r.To...)
	}
	return to
}

// On SIGTERM what is on the wire is finished, what waits is written, and the next start
// sends it: each message arrives once, with the bytes that it had at first.
func TestTermKeepsWhatWaits(t *testing.T) {
	const n = 40
	srv := smtptest.NewServer(smtptest.Config{ServiceTime: 50 * time.Millisecond, Limits: smtptest.Limits{Connections: smtptest.Cap{Max: 2}}})
	t.Cleanup(srv.Close)
	file := filepath.Join(t.TempDir(), "held.jsonl")
	p := start(t, srv.Addr, file)
	ids := map[string]bool{}
	for i := range n {
		ids[p.post(fmt.Sprintf("reader%d@example.com", i))] = true
	}
	if len(ids) != n {
		t.Errorf("got %d ids for %d messages", len(ids), n)
	}
	wait(t, srv, 5)
	p.end(syscall.SIGTERM, 0)
	if strings.Contains(p.said(), "status=unknown") {
		t.Errorf("what was on the wire was cut:\n%s", p.said())
	}
	got, left := delivered(srv), held(t, file)
	if len(got)+len(left) != n || len(left) == 0 {
		t.Errorf("delivered %d and held %d of %d", len(got), len(left), n)
	}
	for _, to := range left {
		if got[to] > 0 {
			t.Errorf("%s was delivered and is held", to)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	p = start(t, srv.Addr, file)
	wait(t, srv, n)
	p.end(syscall.SIGTERM, 0)
	for to, times := range delivered(srv) {
		if times != 1 {
			t.Errorf("%s got %d copies", to, times)
		}
	}
	if left := held(t, file); len(left) > 0 {
		t.Errorf("held after all was delivered: %q", left)
	}
}

// What the file has is not lost when a service that has taken it up is killed, and what
// was settled before is not sent again.
func TestKillLosesNothingThatWasWritten(t *testing.T) {
	srv := smtptest.NewServer(smtptest.Config{Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "@later.example", Fault: smtptest.Fault{Reply: "450 4.3.0 try again in 10 minutes"}},
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "@soon.example", Times: 3, Fault: smtptest.Fault{Reply: "450 4.2.0 Greylisted, try again in 5 seconds"}},
	)})
	t.Cleanup(srv.Close)
	file := filepath.Join(t.TempDir(), "held.jsonl")
	p := start(t, srv.Addr, file)
	want := []string{"a@later.example", "b@later.example", "a@soon.example", "b@soon.example", "c@soon.example"}
	for _, to := range want {
		p.post(to)
	}
	for start := time.Now(); srv.Stats().Throttled+srv.Stats().Replies[450] < 5 && time.Since(start) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
	}
	p.end(syscall.SIGTERM, 0)
	if got := held(t, file); !sameSet(got, want) {
		t.Fatalf("held %q, want %q", got, want)
	}
	p = start(t, srv.Addr, file)
	wait(t, srv, 3)
	for start := time.Now(); strings.Count(p.said(), "status=delivered") < 3 && time.Since(start) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
	}
	p.post("lost@later.example")
	p.end(syscall.SIGKILL, -1)
	if got := held(t, file); !sameSet(got, want[:2]) {
		t.Errorf("held %q after the kill, want %q", got, want[:2])
	}
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// Of a message of which a part was delivered, the other part is held.
func TestTermKeepsTheOpenRecipients(t *testing.T) {
	srv := smtptest.NewServer(smtptest.Config{Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "later@example.com", Fault: smtptest.Fault{Reply: "450 4.2.0 Greylisted, try again in 10 minutes"}},
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "never@example.com", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}},
	)})
	t.Cleanup(srv.Close)
	file := filepath.Join(t.TempDir(), "held.jsonl")
	p := start(t, srv.Addr, file)
	p.post("now@example.com", "later@example.com", "never@example.com")
	wait(t, srv, 1)
	p.end(syscall.SIGTERM, 0)
	if got := held(t, file); !slices.Equal(got, []string{"later@example.com"}) {
		t.Errorf("held %q, want the one that was put off", got)
	}
	for _, want := range []string{"to=now@example.com status=delivered", "to=never@example.com status=refused"} {
		if !strings.Contains(p.said(), want) {
			t.Errorf("the log lacks %q:\n%s", want, p.said())
		}
	}
}

// Two services cannot have one file, and a file that cannot be read is left alone.
func TestStartsThatFail(t *testing.T) {
	srv := smtptest.NewServer(smtptest.Config{})
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	fails := func(file string, args ...string) string {
		t.Helper()
		p := command(t, nil, append([]string{"-listen", "127.0.0.1:0", "-relay", srv.Addr, "-clear-text", "-state", file}, args...)...)
		out, err := p.CombinedOutput()
		if err == nil {
			t.Error("the service has ended well")
		}
		return string(out)
	}
	file := filepath.Join(dir, "held.jsonl")
	p := start(t, srv.Addr, file)
	if out := fails(file); !strings.Contains(out, "another service uses it") {
		t.Errorf("a second service: %s", out)
	}
	p.end(syscall.SIGTERM, 0)
	broken := filepath.Join(dir, "broken.jsonl")
	if err := os.WriteFile(broken, []byte("{\"id\":\"1\",\"to\":[\"a@example.com\"],\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := fails(broken); !strings.Contains(out, "line 1") {
		t.Errorf("a broken file: %s", out)
	}
	if text, err := os.ReadFile(broken); err != nil || len(text) == 0 {
		t.Errorf("the broken file: %q, %v", text, err)
	}
	if out := fails(file, "-listen", "0.0.0.0:0"); !strings.Contains(out, "SERVICE_TOKEN") {
		t.Errorf("beyond loopback: %s", out)
	}
	if out := fails(file, "-relay", ""); !strings.Contains(out, "-relay is missing") {
		t.Errorf("without a relay: %s", out)
	}
}

// A line that was cut short by a crash is no error and spoils no later line.
func TestCutLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "held.jsonl")
	message := func(id string) string {
		return fmt.Sprintf(`{"message":{"id":%q,"from":"","to":["%s@example.com"],"data":"","expires":"2100-01-01T00:00:00Z"}}`+"\n", id, id)
	}
	if err := os.WriteFile(file, []byte(message("1")+message("2")+message("3")+`{"settled":"1"}`+"\n"+`{"settl`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openState(file)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := s.read(); err != nil || len(left) != 2 {
		t.Fatalf("got %d and %v", len(left), err)
	}
	s.settled("2")
	s.close()
	if got := held(t, file); !slices.Equal(got, []string{"3@example.com"}) {
		t.Errorf("held %q", got)
	}
}

// What a request may not do.
func TestRequests(t *testing.T) {
	srv := smtptest.NewServer(smtptest.Config{})
	t.Cleanup(srv.Close)
	open := start(t, srv.Addr, filepath.Join(t.TempDir(), "held.jsonl"))
	locked := start(t, srv.Addr, filepath.Join(t.TempDir(), "held.jsonl"), "SERVICE_TOKEN=secret")
	const body = `{"from":"a@sender.example","to":["b@example.com"],"subject":"s","text":"t"}`
	kind := textproto.MIMEHeader{"Content-Type": {"application/json"}}
	with := func(name, value string) textproto.MIMEHeader {
		return textproto.MIMEHeader{"Content-Type": {"application/json"}, name: {value}}
	}
	many := strings.Repeat(`"a@example.com",`, mostRecipients) + `"b@example.com"`
	for _, test := range []struct {
		p            *process
		method, path string
		body         string
		header       textproto.MIMEHeader
		status       int
		contains     string
	}{
		{open, "POST", "messages", body, kind, 202, `"id"`},
		{open, "POST", "messages", body, textproto.MIMEHeader{"Content-Type": {"text/plain"}}, 415, ""},
		{open, "POST", "messages", "{", kind, 400, "cannot be read"},
		{open, "POST", "messages", `{"from":"a@sender.example","bcc":["x@example.com"]}`, kind, 400, "bcc"},
		{open, "POST", "messages", `{"from":"a@sender.example","to":[],"text":"t"}`, kind, 400, "1 to 100"},
		{open, "POST", "messages", `{"from":"a@sender.example","to":[` + many + `],"text":"t"}`, kind, 400, "1 to 100"},
		{open, "POST", "messages", `{"from":"a@sender.example","to":["b"],"text":"t"}`, kind, 400, ""},
		{open, "POST", "messages", `{"from":"a@sender.example","to":["b@example.com"]}`, kind, 400, "empty"},
		{open, "POST", "messages", `{"from":"a@sender.example","to":["b@example.com"],"text":"` + strings.Repeat("x", mostBytes) + `"}`, kind, 413, ""},
		{open, "POST", "messages", body, with("Sec-Fetch-Site", "cross-site"), 403, ""},
		{open, "POST", "messages", body, with("Host", "evil.example"), 403, "localhost"},
		{open, "GET", "messages", "", nil, 405, ""},
		{open, "GET", "stats", "", nil, 200, `"connections"`},
		{open, "GET", "metrics", "", nil, 200, "smtpace_waiting_messages"},
		{open, "GET", "mail/", "", nil, 200, "<title>smtpace</title>"},
		{open, "GET", "", "", nil, 200, "<title>smtpace</title>"},
		{open, "GET", "healthz", "", nil, 200, "ok"},
		{locked, "POST", "messages", body, kind, 401, ""},
		{locked, "POST", "messages", body, with("Authorization", "Bearer wrong"), 401, ""},
		{locked, "POST", "messages", body, with("Authorization", "Bearer "), 401, ""},
		{locked, "POST", "messages", body, with("Authorization", "Bearer secret"), 202, `"id"`},
		{locked, "GET", "mail/", "", with("Authorization", "Basic eDpzZWNyZXQ="), 200, "<title>smtpace</title>"},
		{locked, "GET", "mail/", "", nil, 401, ""},
		{locked, "GET", "metrics", "", nil, 401, ""},
		{locked, "GET", "stats", "", with("Host", "mail.example.com"), 401, ""},
		{locked, "GET", "healthz", "", nil, 200, "ok"},
	} {
		r, err := http.NewRequest(test.method, test.p.url+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header, r.Host = http.Header(test.header), test.header.Get("Host")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != test.status || !strings.Contains(string(text), test.contains) {
			t.Errorf("%s %s %.80s %v: got %d %.200s, want %d", test.method, test.path, test.body, test.header, response.StatusCode, text, test.status)
		}
	}
	for _, p := range []*process{open, locked} {
		p.end(os.Interrupt, 0)
		if strings.Contains(p.said(), "secret") {
			t.Error("the log has the token")
		}
	}
}

// shortOnce is a file on a disk that is full for one write.
type shortOnce struct {
	*os.File
	failed bool
}

func (f *shortOnce) Write(p []byte) (int, error) {
	if f.failed {
		return f.File.Write(p)
	}
	f.failed = true
	n, err := f.File.Write(p[:len(p)/2])
	return n, errors.Join(err, errors.New("no space left on device"))
}

// A disk that was full for a while leaves a file that can be read.
func TestFullDisk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "held.jsonl")
	if err := os.WriteFile(name, []byte(`{"message":{"id":"a","to":["x@example.com"]}}
{"message":{"id":"b","to":["y@example.com"]}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openState(name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if left, err := s.read(); err != nil || len(left) != 2 {
		t.Fatalf("got %d messages and %v, want 2", len(left), err)
	}
	s.append = &shortOnce{File: s.append.(*os.File)}
	s.settled("a")
	s.settled("b")
	left, err := s.read()
	if err != nil || len(left) != 1 || left[0].ID != "a" {
		t.Errorf("got %d messages and %v, want the one that could not be noted", len(left), err)
	}
	if err := s.write(nil); err == nil {
		t.Error("nobody is told of the full disk")
	}
}
