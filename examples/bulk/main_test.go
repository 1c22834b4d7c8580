package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/smtptest"
)

const plainMessage = "From: News <news@sender.example>\nSubject: News\n\nHello\n"

// newServer returns a receiver that ends with the test.
func newServer(t testing.TB, cfg smtptest.Config) *smtptest.Server {
	srv := smtptest.NewServer(cfg)
	t.Cleanup(func() { srv.Close() })
	return srv
}

// mustTemplate takes a message apart.
func mustTemplate(t testing.TB, raw string) *template {
	t.Helper()
	tmpl, err := parseTemplate("m.eml", []byte(raw), crowdTerms)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// mustList opens a list, which is closed at the end of the test.
func mustList(t testing.TB, content string, o listOptions) *list {
	t.Helper()
	l, err := openList(writeFile(t, "list", content), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.close() })
	return l
}

// buffer takes stdout and stderr of a run.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// outcome holds the results of a run.
type outcome struct {
	status         int
	stdout, stderr string
	summary        map[string]float64
	records        []map[string]any
}

// job is a run of the program: its files and further flags.
type job struct {
	list, message string
	flags         []string
	interrupts    chan os.Signal
	queued        int    // messages taken from the list at once; 0 is the default
	report        string // path
}

// args writes the files and gives the command line.
func (j *job) args(t testing.TB, relay string) []string {
	t.Helper()
	j.report = filepath.Join(t.TempDir(), "report.jsonl")
	return append([]string{
		"-relay", relay, "-from", "news@sender.example", "-to", writeFile(t, "list", j.list),
		"-message", writeFile(t, "m.eml", j.message), "-tls", "none", "-report", j.report,
		"-preflight", "off",
	}, j.flags...)
}

// run runs the program as main does, over the network.
func (j *job) run(t testing.TB, relay string) outcome {
	t.Helper()
	var stdout, stderr buffer
	args := j.args(t, relay)
	status := run(t.Context(), args, &stdout, &stderr, j.interrupts)
	return j.outcome(t, status, stdout.String(), stderr.String())
}

// runWith runs the campaign against an in-memory server, which works in a
// bubble of virtual time.
func (j *job) runWith(t testing.TB, srv *smtptest.Server) outcome {
	t.Helper()
	return j.runDialling(t, srv.Addr, srv)
}

// dialler makes the connections of a run.
type dialler interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

func (j *job) runDialling(t testing.TB, relay string, d dialler) outcome {
	t.Helper()
	var stdout, stderr buffer
	o, err := parseOptions(j.args(t, relay), &stdout)
	if err != nil {
		t.Fatal(err)
	}
	o.relay.DialContext = d.DialContext
	if srv, ok := d.(*smtptest.Server); ok {
		o.relay.TLSConfig = srv.ClientTLS()
	}
	c, err := newCampaign(o, newConsole(&stderr))
	if err != nil {
		t.Fatal(err)
	}
	if cfg := c.config(); j.queued > 0 {
		cfg.MaxQueued, cfg.MaxHeld = j.queued, j.queued
		c.sender.Close()
		if c.sender, err = smtpace.New(cfg); err != nil {
			t.Fatal(err)
		}
	}
	status := c.run(t.Context(), j.interrupts, &stdout)
	return j.outcome(t, status, stdout.String(), stderr.String())
}

// outcome reads what the run has left, and checks what is true of every run.
func (j *job) outcome(t testing.TB, status int, stdout, stderr string) outcome {
	t.Helper()
	o := outcome{status: status, stdout: stdout, stderr: stderr}
	if data, err := os.ReadFile(j.report); err == nil {
		for line := range strings.Lines(string(data)) {
			var r map[string]any
			if err := json.Unmarshal([]byte(line), &r); err != nil || len(r) != 11 || !strings.HasSuffix(line, "\n") {
				t.Errorf("line of the report %q: %v", line, err)
			}
			o.records = append(o.records, r)
		}
	}
	if status == statusUsage {
		if stdout != "" || stderr == "" {
			t.Errorf("status 2 with stdout %q, stderr %q", stdout, stderr)
		}
		return o
	}
	if err := json.Unmarshal([]byte(stdout), &o.summary); err != nil || len(o.summary) != 10 {
		t.Fatalf("summary %q: %v; stderr %q", stdout, err, stderr)
	}
	sum := 0.0
	for _, name := range []string{"delivered", "refused", "gave_up", "not_tried", "unknown"} {
		sum += o.summary[name]
	}
	if sum != o.summary["messages"] || len(o.records) != int(sum) {
		t.Errorf("the outcomes sum to %v, the report has %d lines: %s", sum, len(o.records), stdout)
	}
	if all := o.summary["delivered"] == o.summary["messages"]; all != (status == statusDelivered) {
		t.Errorf("status %d for %s", status, stdout)
	}
	return o
}

// want compares numbers of the summary, "delivered=2 refused=1".
func (o outcome) want(t testing.TB, numbers string) {
	t.Helper()
	for pair := range strings.FieldsSeq(numbers) {
		name, value, _ := strings.Cut(pair, "=")
		var n float64
		if err := json.Unmarshal([]byte(value), &n); err != nil {
			t.Fatal(err)
		}
		if got, ok := o.summary[name]; !ok || got != n {
			t.Errorf("%s is %v, want %v: %s%s", name, got, n, o.stdout, o.stderr)
		}
	}
}

// record gives the line of the report about an address.
func (o outcome) record(t testing.TB, address string) map[string]any {
	t.Helper()
	for _, r := range o.records {
		if r["address"] == address {
			return r
		}
	}
	t.Fatalf("no line about %q in the report", address)
	return nil
}

// addresses gives a list of n recipients.
func addresses(n int, domain string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("u" + strings.Repeat("x", i%7) + "-" + itoa(i) + "@" + domain + "\n")
	}
	return b.String()
}

func itoa(i int) string {
	b, _ := json.Marshal(i)
	return string(b)
}

func TestRunDelivers(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	j := job{list: "# list\nann@example.com\n\nbob@example.org\n\"c d\"@example.com\njörg@bücher.example\n", message: plainMessage}
	got := j.run(t, srv.Addr)
	if got.status != 0 || got.stderr != "" {
		t.Errorf("status %d, stderr %q", got.status, got.stderr)
	}
	got.want(t, "messages=4 delivered=4 tries=4 throttled=0 ambiguous=0")
	ids, tos := map[string]bool{}, map[string]bool{}
	for _, m := range srv.Messages() {
		header, body := parse(t, string(m.Data))
		if len(m.Recipients) != 1 || m.From != "news@sender.example" || body != "Hello\r\n" || header.Get("Date") == "" {
			t.Errorf("message %+v", m)
		}
		ids[header.Get("Message-ID")] = true
		tos[header.Get("To")+" "+m.Recipients[0].Address] = true
	}
	for _, to := range []string{"ann@example.com ann@example.com", `"c d"@example.com "c d"@example.com`, "jörg@bücher.example jörg@xn--bcher-kva.example"} {
		if !tos[to] {
			t.Errorf("no message to %q in %v", to, tos)
		}
	}
	if len(ids) != 4 {
		t.Errorf("Message-IDs %v", ids)
	}
	r := got.record(t, "ann@example.com")
	if r["status"] != "delivered" || r["code"] != 250.0 || r["class"] != "ok" || r["tries"] != 1.0 {
		t.Errorf("record %v", r)
	}
}

func TestRunFillsIn(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	j := job{
		list:    "email,name,token\nann@example.com,Jörg & Zoë,1&2\nbob@example.com,Bob,7\n",
		message: newsletter,
	}
	j.run(t, srv.Addr).want(t, "messages=2 delivered=2")
	subjects := map[string]string{}
	for _, m := range srv.Messages() {
		header, body := parse(t, string(m.Data))
		subject, err := decoder.DecodeHeader(header.Get("Subject"))
		if err != nil {
			t.Error(err)
		}
		inner := readParts(t, readParts(t, body, "outer")[0], "inner")
		subjects[header.Get("To")] = subject + "|" + strings.Join(inner, "|")
	}
	want := map[string]string{
		"ann@example.com": "For Jörg & Zoë|Für Jörg & Zoë|<p>F&uuml;r Jörg &amp; Zoë\r\n<a href=\"https://x.example/?t=1%262\">x</a>\r\n",
		"bob@example.com": "For Bob|Für Bob|<p>F&uuml;r Bob\r\n<a href=\"https://x.example/?t=7\">x</a>\r\n",
	}
	for to, text := range want {
		if subjects[to] != text {
			t.Errorf("to %s: %q, want %q", to, subjects[to], text)
		}
	}
}

// Bad lines are named with their numbers before the first connection, and the
// others are sent.
func TestRunBadLines(t *testing.T) {
	srv := newServer(t, smtptest.Config{Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "gone@example.com", Fault: smtptest.Fault{Reply: "550 5.1.1 <gone@example.com>: no such user"}},
	)})
	j := job{
		list:    "email,name\nann@example.com,Ann\nnobody,N\nbob@example.com,\"Bob\nBcc: x@example.com\"\ngone@example.com,G\nc@example.com\n",
		message: "Subject: Hi {{.name}}\n\nHi\n",
	}
	got := j.run(t, srv.Addr)
	if got.status != 1 {
		t.Errorf("status %d", got.status)
	}
	got.want(t, "messages=5 delivered=1 refused=4 tries=2")
	for _, want := range []string{
		`list:3: address "nobody": no @`, `list:4: Subject: the value of "name" has a line break`, "list:7: 1 values where the header has 2 columns",
	} {
		if strings.Count(got.stderr, want) != 1 {
			t.Errorf("want %q once in stderr %q", want, got.stderr)
		}
	}
	r := got.record(t, "gone@example.com")
	if r["status"] != "refused" || r["code"] != 550.0 || r["enhanced"] != "5.1.1" || r["class"] != "bad-mailbox" || r["text"] != "<gone@example.com>: no such user" {
		t.Errorf("record %v", r)
	}
	if r := got.record(t, "nobody"); r["status"] != "refused" || r["tries"] != 0.0 || !strings.Contains(r["text"].(string), "no @") {
		t.Errorf("record %v", r)
	}
}

func TestRunUsage(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	list, message := writeFile(t, "list.csv", "email,name\na@example.com,A\n"), writeFile(t, "m.eml", plainMessage)
	other := writeFile(t, "other.txt", "no report\n")
	t.Setenv("BULK_TEST_EMPTY", "")
	t.Setenv("BULK_TEST_BREAK", "secret\n")
	t.Setenv("BULK_TEST_PASSWORD", "canary")
	base := []string{"-relay", srv.Addr, "-from", "n@sender.example", "-to", list, "-message", message, "-tls", "none", "-preflight", "off"}
	for name, c := range map[string]struct {
		args []string // after the base; later flags win
		want string
	}{
		"unknown flag":          {[]string{"-nosuch"}, "-nosuch"},
		"argument":              {[]string{"more"}, `"more" is no flag`},
		"no relay":              {[]string{"-relay", ""}, "-relay is missing"},
		"no from":               {[]string{"-from", ""}, "-from is missing"},
		"no to":                 {[]string{"-to", ""}, "-to is missing"},
		"no message":            {[]string{"-message", ""}, "-message is missing"},
		"relay without port":    {[]string{"-relay", "mail.example.com"}, `-relay "mail.example.com" must be HOST:PORT`},
		"relay without host":    {[]string{"-relay", ":25"}, "-relay"},
		"port out of range":     {[]string{"-relay", "mail.example.com:70000"}, "-relay"},
		"relay with a space":    {[]string{"-relay", "mail example.com:25"}, "-relay"},
		"from":                  {[]string{"-from", "News <n@sender.example>"}, "-from: address"},
		"from with a line":      {[]string{"-from", "n@sender.example\r\nRCPT TO:<x@example.com>"}, "-from: address"},
		"tls":                   {[]string{"-tls", "maybe"}, `-tls: must be none`},
		"connections":           {[]string{"-connections", "0"}, "-connections: must be"},
		"connections, a word":   {[]string{"-connections", "many"}, "-connections: must be"},
		"rate":                  {[]string{"-rate", "fast"}, "-rate:"},
		"rate burst":            {[]string{"-rate", "5/s burst 0"}, "-rate:"},
		"expire":                {[]string{"-expire", "-1h"}, "-expire: must be"},
		"expire, no unit":       {[]string{"-expire", "24"}, "-expire: must be"},
		"progress":              {[]string{"-progress", "yes"}, "-progress: must be"},
		"domain":                {[]string{"-domain-limit", "connections:5"}, "-domain-limit: must be DOMAIN=LIMITS"},
		"domain name":           {[]string{"-domain-limit", "a..b=connections:5"}, "-domain-limit:"},
		"domain without a name": {[]string{"-domain-limit", "=connections:5"}, "-domain-limit:"},
		"domain key":            {[]string{"-domain-limit", "a.example=speed:5"}, "-domain-limit:"},
		"domain contradiction":  {[]string{"-domain-limit", "a.example=per-message:5,recipient-rate:5/s burst 2"}, "-domain-limit:"},
		"domain twice":          {[]string{"-domain-limit", "a.example=connections:5", "-domain-limit", "A.example.=connections:6"}, "a.example is given twice"},
		"more than the relay":   {[]string{"-connections", "2", "-domain-limit", "a.example=connections:5"}, "-domain-limit a.example: 5 connections contradict -connections 2"},
		"faster than the relay": {[]string{"-rate", "1/s", "-domain-limit", "a.example=rate:2/s"}, "-domain-limit a.example: the rate 2/s contradicts -rate 1/s"},
		"no password":           {[]string{"-user", "u"}, "-user needs -password-env"},
		"password with a break": {[]string{"-user", "u", "-password-env", "BULK_TEST_BREAK"}, `the value of "BULK_TEST_BREAK" contains a line break`},
		"user with a break":     {[]string{"-user", "u\n", "-password-env", "BULK_TEST_PASSWORD"}, `-user "u\n" contains a line break`},
		"no user":               {[]string{"-password-env", "BULK_TEST_PASSWORD"}, "-password-env needs -user"},
		"empty password":        {[]string{"-user", "u", "-password-env", "BULK_TEST_EMPTY"}, `-password-env: the environment variable "BULK_TEST_EMPTY" is not set`},
		"clear text login":      {[]string{"-relay", "mail.example.com:25", "-user", "u", "-password-env", "BULK_TEST_PASSWORD"}, "clear text"},
		"list not there":        {[]string{"-to", list + "x"}, "-to: open " + list + "x"},
		"list empty":            {[]string{"-to", writeFile(t, "none", "# nobody\n")}, "the list is empty"},
		"list of a header":      {[]string{"-to", writeFile(t, "none", "email,name\n")}, "the list is empty"},
		"list without email":    {[]string{"-to", writeFile(t, "list", "nobody,name\n")}, "list:1: "},
		"list broken":           {[]string{"-to", writeFile(t, "list", "email,name\na@example.com,\"A\nb@example.com,B\n")}, "list:2: an entry of several lines"},
		"message not there":     {[]string{"-message", message + "x"}, "-message: open " + message + "x"},
		"message empty":         {[]string{"-message", writeFile(t, "m.eml", "")}, "m.eml:1: no header"},
		"unknown name":          {[]string{"-message", writeFile(t, "m.eml", "Subject: {{.nmae}}\n\n")}, `m.eml:1: Subject: {{.nmae}}: unknown name "nmae": the list has email, name`},
		"report":                {[]string{"-report", t.TempDir()}, "-report: open "},
		"report over list":      {[]string{"-report", list}, "-report: " + list + " is also the file of -to"},
		"report over message":   {[]string{"-report", message, "-overwrite"}, "-report: " + message + " is also the file of -message"},
		"memory over list":      {[]string{"-memory", list}, "-memory: " + list + " is also the file of -to, and would be overwritten"},
		"memory over report":    {[]string{"-memory", other + ".new", "-report", other + ".new"}, "-memory: " + other + ".new is also the file of -report"},
		"external, no cert":     {[]string{"-auth", "external"}, "-auth EXTERNAL needs -cert"},
		"external, password":    {[]string{"-auth", "EXTERNAL", "-cert", list, "-password-env", "BULK_TEST_PASSWORD"}, "-auth EXTERNAL has no password"},
		"helo, an address":      {[]string{"-helo", "192.0.2.1"}, "-helo: must be the name of this host in DNS"},

		"resume of nothing":    {[]string{"-resume"}, "-resume needs -report"},
		"resume and overwrite": {[]string{"-resume", "-overwrite", "-report", "x"}, "-resume and -overwrite contradict"},
		"unknown alone":        {[]string{"-unknown", "resend"}, "belong to -resume"},
		"unknown":              {[]string{"-unknown", "maybe"}, "-unknown: must be skip or resend"},
		"charset":              {[]string{"-charset", "ebcdic"}, "-charset: must be one of utf-8, "},
		"column":               {[]string{"-column", "mail"}, `list.csv:1: the header has no column "mail", but email, name`},
		"no report":            {[]string{"-resume", "-report", other}, "-resume: " + other + ":1: this is no line of a report"},
		"several":              {[]string{"-relay", "x", "-from", "y"}, "-from: address"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr buffer
			args := append(base[:len(base):len(base)], c.args...)
			if status := run(t.Context(), args, &stdout, &stderr, nil); status != 2 || stdout.String() != "" {
				t.Errorf("status %d, stdout %q", status, stdout.String())
			}
			if !strings.Contains(stderr.String(), c.want) || !strings.HasPrefix(stderr.String(), "bulk: ") {
				t.Errorf("stderr %q, want %q", stderr.String(), c.want)
			}
			if strings.Contains(stderr.String(), "canary") {
				t.Error("the password was printed")
			}
		})
	}
	if srv.Stats().Connections > 0 {
		t.Error("there was a connection")
	}
	if kept, err := os.ReadFile(list); err != nil || len(kept) == 0 {
		t.Error("the list was overwritten")
	}
}

func TestRunHelp(t *testing.T) {
	var stdout, stderr buffer
	if status := run(t.Context(), []string{"-h"}, &stdout, &stderr, nil); status != 0 || stderr.String() != "" {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
	for _, name := range []string{"relay", "from", "to", "message", "tls", "user", "password-env", "connections", "rate", "domain-limit", "expire", "report", "resume", "overwrite", "unknown", "changed", "charset", "column", "progress", "helo", "auth", "ca", "cert", "cert-key", "profiles", "memory", "dkim-selector", "dkim-key", "dkim-domain"} {
		if !strings.Contains(strings.ReplaceAll(stdout.String(), "\n", " "), "  -"+name+" ") {
			t.Errorf("the help has no -%s", name)
		}
	}
	if text := stdout.String(); !strings.HasPrefix(text, usage) || !strings.HasSuffix(text, "\n\nExit status: 0 all delivered, 1 some not, 2 nothing was sent because of a mistake.\n") {
		t.Errorf("the help does not say how to begin, and how a run ends: %s", text)
	}
	for line := range strings.Lines(stdout.String()) {
		if strings.HasPrefix(line, "      ") && len(line) > usageWidth+1 {
			t.Errorf("the text of a flag is wider than %d columns: %s", usageWidth, line)
		}
	}
}

// The report of an earlier run is kept unless the user says otherwise, and then
// until mail is sent.
func TestRunKeepsReport(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	j := job{list: "a@example.com\n", message: plainMessage}
	args := j.args(t, srv.Addr)
	if err := os.WriteFile(j.report, []byte(strings.Repeat("earlier\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr buffer
	if status := run(t.Context(), append(args, "-tls", "mandatory", "-overwrite"), &stdout, &stderr, nil); status != 2 {
		t.Errorf("status %d: %s", status, stderr.String())
	}
	if data, _ := os.ReadFile(j.report); !strings.HasPrefix(string(data), "earlier") {
		t.Errorf("report %q", data)
	}
	if status := run(t.Context(), args, &stdout, &stderr, nil); status != 2 || !strings.Contains(stderr.String(), "report.jsonl has 1000 lines of an earlier run") {
		t.Errorf("status %d: %s", status, stderr.String())
	}
	if data, _ := os.ReadFile(j.report); len(data) != 8000 || len(srv.Messages()) > 0 {
		t.Errorf("the report has %d octets, %d messages were sent", len(data), len(srv.Messages()))
	}
	status := run(t.Context(), append(args, "-overwrite"), &stdout, &stderr, nil)
	j.outcome(t, status, stdout.String(), stderr.String()).want(t, "delivered=1")
}

// The end of the context is an interrupt as well.
func TestRunContextEnds(t *testing.T) {
	srv := newServer(t, smtptest.Config{ServiceTime: 20 * time.Millisecond})
	j := job{list: addresses(2000, "example.com"), message: plainMessage, flags: []string{"-connections", "2"}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr buffer
	args := j.args(t, srv.Addr)
	go func() {
		if srv.Wait(t.Context(), 2) == nil {
			cancel()
		}
	}()
	status := run(ctx, args, &stdout, &stderr, nil)
	got := j.outcome(t, status, stdout.String(), stderr.String())
	if status != 1 || got.summary["messages"] != 2000 || got.summary["delivered"] < 2 || got.summary["not_tried"] < 1000 {
		t.Errorf("status %d: %s", status, stdout.String())
	}
	if n := len(srv.Messages()); float64(n) != got.summary["delivered"] {
		t.Errorf("%d messages arrived: %s", n, stdout.String())
	}
}

// A list without a good line is a mistake, before anything is sent or written.
func TestRunNoGoodLine(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	for list, want := range map[string]string{
		"Name:Email\nAnn:ann@x.example\n":                           "no line can be sent to; a table needs a header",
		"email,name\nann,Ann\nbob,Bob\n":                            "list: no line can be sent to\n",
		"email\n" + strings.Repeat("nobody\n", maxBadShown+5):       "list: 105 bad lines in all\n",
		"# none\nemail,name\n\"a@x.example\nb@x.example, x\",Ann\n": "no line can be sent to",
	} {
		j := job{list: list, message: plainMessage}
		got := j.run(t, srv.Addr)
		if got.status != 2 || !strings.Contains(got.stderr, want) || strings.Count(got.stderr, `"nobody": no @`) != min(strings.Count(list, "nobody"), maxBadShown) {
			t.Errorf("%.40q: status %d: %.500s", list, got.status, got.stderr)
		}
		if info, err := os.Stat(j.report); err == nil && info.Size() > 0 {
			t.Errorf("%.40q: the report has %d octets", list, info.Size())
		}
	}
}

// Gaps of the message are counted, and a row that is too short is sent when nothing
// of what it lacks is filled in.
func TestRunGaps(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	j := job{
		list:    "email,name,city,note\nann@example.com,Ann,Bonn,x\nbob@example.com,,Bonn,\ncid@example.com,Cid,Bonn\ndan@example.com,Dan\neve@example.com,,,\n",
		message: "Subject: {{.name}} of {{.city}}\n\nHi\n",
	}
	got := j.run(t, srv.Addr)
	got.want(t, "messages=5 delivered=4 refused=1")
	for _, want := range []string{
		`list:5: 2 values where the header has 4 columns`, `list: 2 entries have no "name", which the message fills in; the first is in line 3`,
		`list: 1 entries have no "city", which the message fills in; the first is in line 6`,
	} {
		if strings.Count(got.stderr, want) != 1 {
			t.Errorf("want %q once in stderr %q", want, got.stderr)
		}
	}
	if strings.Contains(got.stderr, "note") {
		t.Errorf("stderr %q", got.stderr)
	}
}

// What is odd in front of the entries is said.
func TestRunTellsOfTheHeader(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	j := job{list: "Customers,,\nE-mail 1 - Value,E-mail 2 - Value,x\n#a,x,\nann@x.example,b@x.example,\n", message: plainMessage}
	got := j.run(t, srv.Addr)
	got.want(t, "messages=1 delivered=1")
	for _, want := range []string{`list:1: taken for a title above the header`, `list: the addresses are those of "E-mail 1 - Value", not of "E-mail 2 - Value"; -column NAME says another`} {
		if strings.Count(got.stderr, want) != 1 {
			t.Errorf("want %q once in stderr %q", want, got.stderr)
		}
	}
	j = job{list: "shop,email\n#1 Flowers,ann@x.example\nBooks,bob@x.example\n", message: plainMessage}
	got = j.run(t, srv.Addr)
	got.want(t, "messages=1 delivered=1")
	if strings.Count(got.stderr, "list:2: begins with # and is skipped as a comment, although it has an address: ann@x.example") != 1 {
		t.Errorf("stderr %q", got.stderr)
	}
}

// A link that is a value of its own must be there.
func TestRunEmptyLink(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	j := job{
		list:    "email,link\nann@x.example,https://x.example/1\nbob@x.example,\ncid@x.example,<https://x.example/3>\n",
		message: "From: n@sender.example\nList-Unsubscribe: <{{.link}}>\nSubject: x\n\nHi\n",
	}
	got := j.run(t, srv.Addr)
	got.want(t, "messages=3 delivered=1 refused=2")
	for _, want := range []string{`list:3: List-Unsubscribe: the value of "link", which is the link, is empty`, `list:4: List-Unsubscribe: the value of "link" is no link that mail can have`} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("want %q in stderr %q", want, got.stderr)
		}
	}
}
