package smtpace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/textproto"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// logged is a sink of records in JSON.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: level}))
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// records returns the records with a message.
func (l *logged) records(t *testing.T, msg string) (found []map[string]any) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		if record["msg"] == msg {
			found = append(found, record)
		}
	}
	return found
}

// The record of a try names the first recipient that was not delivered, wherever it stands.
func TestTheLogNamesTheFirstThatWasNot(t *testing.T) {
	for n, refused := range [][]string{{"a", "b"}, {"b", "c"}, {"a", "c"}, {"c"}, {"a", "b", "c"}, nil} {
		var out logged
		try := Try{}
		for _, name := range []string{"a", "b", "c"} {
			r := TryRecipient{Address: name + "@x.example"}
			if r.Verdict.Recipient = classify.RecipientDelivered; slices.Contains(refused, name) {
				r.Verdict.Recipient, r.Err = classify.RecipientRefused, errors.New("no")
			}
			try.Recipients = append(try.Recipients, r)
		}
		journal{out.logger(slog.LevelDebug), 0}.try(&try, "from@sender.example")
		var want any
		if len(refused) > 0 {
			want = refused[0] + "@x.example"
		}
		if got := out.records(t, "smtpace: try"); len(got) != 1 || got[0]["recipient"] != want || got[0]["delivered"] != float64(3-len(refused)) {
			t.Errorf("case %d: got %v, want the recipient %v", n, got, want)
		}
	}
}

// documentedKeys returns the keys that the package page lists.
func documentedKeys(t *testing.T) map[string]bool {
	t.Helper()
	_, section, _ := strings.Cut(read(t, "doc.go"), "// # Logs\n")
	section, _, _ = strings.Cut(section, "// # ")
	keys := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^//\t([a-z]+(?:, [a-z]+)*)  `).FindAllStringSubmatch(section, -1) {
		for key := range strings.SplitSeq(m[1], ", ") {
			keys[key] = true
		}
	}
	return keys
}

func TestLogsTellTriesOutcomesAndLessons(t *testing.T) {
	faults := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "no@x.example", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}})
	limits := smtptest.Limits{MessageRate: smtptest.Rate{Count: 5, Burst: 3}}
	inWorld(t, smtptest.Config{Limits: limits, Fault: faults, ServiceTime: 100 * time.Millisecond}, func(t *testing.T, srv *smtptest.Server) {
		var out logged
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Logger: out.logger(slog.LevelDebug)})
		if _, err := s.Send(t.Context(), rendered("mixed", "yes@x.example", "no@x.example")); err == nil {
			t.Fatal("no error")
		}
		var got results
		if err := s.SendAll(t.Context(), newsletter(30, "x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		tries := out.records(t, "smtpace: try")
		if len(tries) != srv.Stats().Mails {
			t.Errorf("%d tries logged, the receiver counted %d", len(tries), srv.Stats().Mails)
		}
		first := tries[0]
		for key, want := range map[string]any{
			"level": "DEBUG", "number": 1.0, "id": "mixed", "destination": "x.example", "relay": srv.Addr, "connection": 1.0, "ordinal": 1.0,
			"recipients": 2.0, "delivered": 1.0, "took": float64(100 * time.Millisecond), "recipient": "no@x.example", "stage": "RCPT", "class": "bad-mailbox",
			"error": "550 5.1.1 no such user",
		} {
			if first[key] != want {
				t.Errorf("%s of the first try is %v, want %v", key, first[key], want)
			}
		}
		for _, try := range tries {
			if limited := try["class"] == "rate-limited"; limited != (try["limit"] == "message-rate") || !limited && try["limit"] != nil {
				t.Errorf("a try of class %v names the limit %v", try["class"], try["limit"])
			}
		}
		settled := out.records(t, "smtpace: recipient settled")
		if len(settled) != 32 || settled[0]["recipient"] != "yes@x.example" || settled[0]["error"] != nil || settled[0]["status"] != "delivered" ||
			settled[0]["level"] != "INFO" || settled[0]["waited"] != float64(100*time.Millisecond) ||
			settled[1]["recipient"] != "no@x.example" || settled[1]["status"] != "refused" || settled[1]["error"] != "550 5.1.1 no such user" {
			t.Errorf("%d settled: %v", len(settled), settled[:2])
		}
		lessons := out.records(t, "smtpace: lesson")
		if len(lessons) == 0 {
			t.Fatal("no lesson")
		}
		taught := lessons[0]
		if taught["scope"] != "endpoint" && taught["scope"] != "destination" || taught["name"] == "" || taught["limit"] != "message-rate" ||
			taught["from"] == nil || taught["to"] == nil || !strings.Contains(taught["reply"].(string), "4") {
			t.Errorf("lesson: %v", taught)
		}
	})
}

// Every key that can be logged is documented, and the other way round.
func TestLogKeysAreDocumented(t *testing.T) {
	written := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text := read(t, file)
		for _, m := range regexp.MustCompile(`slog\.[A-Z]\w+\("(\w+)"|said\("(\w+)"`).FindAllStringSubmatch(text, -1) {
			written[m[1]+m[2]] = true
		}
		for _, call := range regexp.MustCompile(`(?s)(?:[lL]ogger|log|l)\.(?:Warn|Info)\("[^"]*",?(.*?)\)\n|\[\]any\{(".*?)\}|append\(who, (.*?)\)`).FindAllStringSubmatch(text, -1) {
			for _, m := range regexp.MustCompile(`"(\w+)",`).FindAllStringSubmatch(call[1]+call[2]+call[3], -1) {
				written[m[1]] = true
			}
		}
	}
	documented := documentedKeys(t)
	if missing := slices.DeleteFunc(slices.Sorted(maps.Keys(written)), func(key string) bool { return documented[key] }); len(missing) > 0 || len(written) < 20 {
		t.Errorf("%d keys; the package page does not have %q", len(written), missing)
	}
	if unknown := slices.DeleteFunc(slices.Sorted(maps.Keys(documented)), func(key string) bool { return written[key] }); len(unknown) > 0 {
		t.Errorf("the package page has %q, which nothing writes", unknown)
	}
}

// A Logger that is left out gets no try and no outcome.
func TestNilLoggerGetsNoInfo(t *testing.T) {
	var out logged
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(out.logger(slog.LevelDebug))
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s, err := New(Config{Relays: []Relay{relayTo(srv)}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.DialAndSend(newMsg(t, "a@x.example")); err != nil {
			t.Fatal(err)
		}
	})
	if got := out.String(); got != "" {
		t.Errorf("logged: %s", got)
	}
}

// A record that nobody wants is not made.
func TestLogsThatAreOffCostNothing(t *testing.T) {
	s, err := New(Config{Relays: []Relay{{Addr: "mx.example:25"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	try, result, change := &Try{Recipients: make([]TryRecipient, 1)}, &Result{Recipients: make([]Recipient, 1)}, &throttle.Change{Reason: errors.New("no")}
	if n := testing.AllocsPerRun(100, func() { s.journal.try(try, "x"); s.journal.settled(result, "x"); s.journal.lesson(change, "x") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A Pacer logs what a Sender does.
func TestPacerLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logged
		p, err := NewPacer(PacerConfig{Logger: out.logger(slog.LevelDebug), LogAddresses: LogAddressesMasked})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		calls := 0
		err = p.Do(t.Context(), "secretive@x.example", func(context.Context) error {
			if calls++; calls == 1 {
				return &textproto.Error{Code: 450, Msg: "4.7.1 <secretive@x.example> secretive: too many messages"}
			}
			return nil
		})
		if err != nil || len(out.records(t, "smtpace: try")) != calls || len(out.records(t, "smtpace: lesson")) == 0 {
			t.Errorf("%d calls, %v, logged:\n%s", calls, err, out.String())
		}
		settled := out.records(t, "smtpace: recipient settled")
		if len(settled) != 1 || settled[0]["recipient"] != "s***@x.example" || strings.Contains(out.String(), "secretive") {
			t.Errorf("logged:\n%s", out.String())
		}
	})
}

// quotes are replies that repeat an address in the ways of servers.
var quotes = []string{
	"<%> no such user", "%: unknown", "recipient=%; refused", `"%" rejected`, "(%) [%] {%}", "unknown:<%>,<%>", "mailto:% http://r.example/?a=%",
	"LOCAL unknown", "user local not found", "'local'", "local%40x.example", "local=x.example@bounce.example", "SRS0=hash=tt=x.example=local@relay.example",
	"\x1b[31m%\x1b[0m", "a\u200b%\u202e",
}

func TestLogsHideAddresses(t *testing.T) {
	for _, local := range []string{"local", "l.o+tag", `"lo cal"`, `"a@b\"c"`, "l\u00f6cal"} {
		for _, form := range []LogAddresses{LogAddressesMasked, LogAddressesHashed} {
			address, bare := local+"@x.example", strings.Trim(local, `"`)
			for _, quote := range quotes {
				text := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(quote, "local", bare), "LOCAL", strings.ToUpper(bare)), "%", address)
				if strings.Contains(quote, "%40") {
					text = bare + "%40x.example"
				}
				got := form.text(text, "sender@s.example", address)
				if strings.Contains(strings.ToLower(got), strings.ToLower(bare)) {
					t.Errorf("%d: %q became %q", form, text, got)
				}
				if form == LogAddressesHashed && strings.Contains(quote, "<%>") && !strings.Contains(got, form.address(address)) {
					t.Errorf("%q became %q, without %s", text, got, form.address(address))
				}
			}
			if got := LogAddressesAsGiven.text(address, address); got != address {
				t.Errorf("as given: %q", got)
			}
		}
	}
}

func TestLogAddressForms(t *testing.T) {
	for _, tt := range []struct{ address, masked, hashed string }{
		{"bob@x.example", "b***@x.example", "7832d9309020e043@x.example"},
		{"BOB@x.example", "B***@x.example", "7832d9309020e043@x.example"},
		{"ab@x.example", "***@x.example", ""},
		{`"a@b"@x.example`, "***@x.example", ""},
		{"\u00e4rger@x.example", "\u00e4***@x.example", ""},
		{"postmaster", "postmaster", "postmaster"},
	} {
		if got := LogAddressesMasked.address(tt.address); got != tt.masked {
			t.Errorf("masked: %s is %s, want %s", tt.address, got, tt.masked)
		}
		if got := LogAddressesHashed.address(tt.address); tt.hashed != "" && got != tt.hashed {
			t.Errorf("hashed: %s is %s, want %s", tt.address, got, tt.hashed)
		}
	}
}

// All places of a record have the same hash of an address: the one that is documented.
func TestLogsHashAddressesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logged
		p := newPacer(t, PacerConfig{Logger: out.logger(slog.LevelDebug), LogAddresses: LogAddressesHashed})
		r := PaceRequest{To: []string{"BOB@x.example"}, ID: "for bob@x.example"}
		err := p.DoRequest(t.Context(), r, func(context.Context, []string) error {
			return &textproto.Error{Code: 550, Msg: "5.1.1 <Bob@x.example>: no such user"}
		})
		if err == nil {
			t.Fatal("no error")
		}
		const hashed = "7832d9309020e043@x.example"
		all := append(out.records(t, "smtpace: try"), out.records(t, "smtpace: recipient settled")...)
		if len(all) != 2 {
			t.Fatalf("logged:\n%s", out.String())
		}
		for _, record := range all {
			for key, want := range map[string]string{"recipient": hashed, "id": "for " + hashed, "error": "<" + hashed + ">"} {
				if got := fmt.Sprint(record[key]); !strings.Contains(got, want) {
					t.Errorf("%s is %q, want %s", key, got, want)
				}
			}
		}
	})
}

// No record of any level tells an address, or what a server says in control
// characters, and all are bounded.
func TestLogsAreSafe(t *testing.T) {
	say := "450 4.7.1 \x1b[2J<secretive@x.example> secretive is over quota, too many messages\u202e " + strings.Repeat("x", 1900) + " secretive@x.example"
	for _, form := range []LogAddresses{LogAddressesAsGiven, LogAddressesMasked, LogAddressesHashed} {
		faults := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Fault: smtptest.Fault{Reply: say}})
		inWorld(t, smtptest.Config{Fault: faults}, func(t *testing.T, srv *smtptest.Server) {
			var out logged
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Logger: out.logger(slog.LevelDebug), LogAddresses: form})
			m := rendered("m", "secretive@x.example")
			m.Expiry = 10 * time.Minute
			m.From = "discreet@sender.example"
			m.ID = "for secretive@x.example"
			if _, err := s.Send(t.Context(), m); err == nil {
				t.Fatal("no error")
			}
			text := out.String()
			if len(out.records(t, "smtpace: try")) == 0 || len(out.records(t, "smtpace: lesson")) == 0 || len(out.records(t, "smtpace: recipient settled")) != 1 {
				t.Fatalf("not all kinds of records: %s", text)
			}
			if given := form == LogAddressesAsGiven; strings.Contains(text, "secretive") != given || strings.Contains(text, "discreet") {
				t.Errorf("form %d: %.2000s", form, text)
			}
			for line := range strings.Lines(text) {
				if len(line) > 3000 || strings.Contains(line, `\u00`) || strings.ContainsFunc(strings.TrimSpace(line), func(c rune) bool { return !unicode.IsPrint(c) }) {
					t.Errorf("%d bytes: %.200q", len(line), line)
				}
			}
		})
	}
}

// Values in the log keep their kind: texts and errors are made printable, and others stay
// as they are.
func TestValuesInTheLog(t *testing.T) {
	var out bytes.Buffer
	l := new(callbacks).logger(slog.New(slog.NewTextHandler(&out, nil)), LogAddressesAsGiven)
	plain, group := errors.New("plain"), slog.GroupValue(slog.Int("a", 1))
	h := l.Handler().(logHandler)
	if got := h.clean(slog.AnyValue(plain)); got.Any() != plain {
		t.Errorf("an error that needs no change: got %v", got)
	}
	if got := h.clean(group); !got.Equal(group) {
		t.Errorf("a group: got %v", got)
	}
	l.Warn("x", "text", "a\nb", "error", errors.New("c\nd"), "struct", struct{ A int }{7}, "nil", nil)
	for _, want := range []string{`struct={A:7}`, "nil=<nil>"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s, want %s", &out, want)
		}
	}
	if strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), `\n`) {
		t.Errorf("got %q, want one line", &out)
	}
}
