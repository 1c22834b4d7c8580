package main

import (
	"strings"
	"testing"
	"time"
)

func TestEnvelope(t *testing.T) {
	const text = "4F2: to=<ann@example.net>, status=sent (250 Ok)"
	at := time.Date(2026, 11, 23, 10, 11, 12, 0, time.UTC)
	noYear := time.Date(0, 11, 23, 10, 11, 12, 0, time.UTC)
	for _, tt := range []struct {
		name, line   string
		program, pid string
		text         string
		at           time.Time
	}{
		{"classic", "Nov 23 10:11:12 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear},
		{"a day of one digit", "Nov  3 10:11:12 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear.AddDate(0, 0, -20)},
		{"journalctl -o short-precise", "Nov 23 10:11:12.500000 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear.Add(time.Second / 2)},
		{"journalctl -o short-iso", "2026-11-23T11:11:12+0100 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, at},
		{"journalctl -o short-full", "Mon 2026-11-23 10:11:12 UTC mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, at},
		{"journalctl -o short-unix", "1795428672.000000 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, at},
		{"without a process", "Nov 23 10:11:12 mail exim: " + text, "exim", "", text, noYear},
		{"without a host", "Nov 23 10:11:12 postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear},
		{"BusyBox", "Nov 23 10:11:12 mail mail.info postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear},
		{"a priority", "<22>Nov 23 10:11:12 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear},
		{"RFC 3339", "2026-11-23T10:11:12.000001+00:00 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, at.Add(time.Microsecond)},
		{"RFC 5424", "<22>1 2026-11-23T10:11:12Z mail postfix/smtp 99 ID47 - " + text, "postfix/smtp", "99", text, at},
		{"RFC 5424 with data", `<22>1 2026-11-23T10:11:12Z mail postfix/smtp 99 - [a@1 b="]\"" c="d"][e f="g"] ` + "\ufeff" + text, "postfix/smtp", "99", text, at},
		{"RFC 5424 without a time", "<22>1 - mail postfix/smtp 99 - - " + text, "postfix/smtp", "99", text, time.Time{}},
		{"Kubernetes", "2026-11-23T10:11:12.000000000Z stdout F Nov 23 10:11:12 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear},
		{"Kubernetes without syslog", "2026-11-23T10:11:12.000000000Z stderr F " + text, "", "", text, at},
		{"kubectl logs --prefix", "[pod/mail-0/postfix] Nov 23 10:11:12 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear},
		{"docker logs -t", "2026-11-23T10:11:12.000000000Z Nov 23 10:11:12 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear},
		{"docker compose logs", "mail-1      | Nov 23 10:11:12 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear},
		{"Docker's file", `{"log":"Nov 23 10:11:12 mail postfix/smtp[99]: ` + text + `\n","stream":"stdout","time":"2026-11-23T10:11:12.1Z"}`, "postfix/smtp", "99", text, noYear},
		{"the journal", `{"MESSAGE":"` + text + `","SYSLOG_IDENTIFIER":"postfix/smtp","_PID":"99","__REALTIME_TIMESTAMP":"1795428672000000"}`, "postfix/smtp", "99", text, at},
		{"the journal, not UTF-8", `{"MESSAGE":[52,70,50,255],"_COMM":"smtp","__REALTIME_TIMESTAMP":"1795428672000000"}`, "smtp", "", "4F2\xff", at},
		{"blocks of a crash", "\x00\x00\x00Nov 23 10:11:12 mail postfix/smtp[99]: " + text, "postfix/smtp", "99", text, noYear},
		{"multilog", "@400000006b04114a00000000 " + text, "", "", text, at},
		{"s6-log", "2026-11-23 10:11:12.000000000  " + text, "", "", text, at},
		{"nothing known", text, "", "", text, time.Time{}},
		{"nothing", "", "", "", "", time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, whole := new(envelope).open(tt.line)
			if !whole || e.program != tt.program || e.pid != tt.pid || e.text != tt.text || !e.time.Equal(tt.at) {
				t.Errorf("got %+v, want program %q[%s], text %q at %v", e, tt.program, tt.pid, tt.text, tt.at)
			}
		})
	}
}

// A container's logger cuts long lines, and marks all parts but the last.
func TestPartsOfALine(t *testing.T) {
	for name, parts := range map[string][]string{
		"Kubernetes": {"2026-11-23T10:11:12.1Z stdout P Nov 23 10:11:12 mail postfix/smtp[99]: 4F2: ", "2026-11-23T10:11:12.1Z stdout P to=<ann@", "2026-11-23T10:11:12.1Z stdout F example.net>"},
		"Docker":     {`{"log":"Nov 23 10:11:12 mail postfix/smtp[99]: 4F2: ","time":"2026-11-23T10:11:12.1Z"}`, `{"log":"to=<ann@","time":"2026-11-23T10:11:12.1Z"}`, `{"log":"example.net>\n","time":"2026-11-23T10:11:12.1Z"}`},
	} {
		v := &envelope{}
		for i, part := range parts {
			e, whole := v.open(part)
			if last := i == len(parts)-1; whole != last || last && e.text != "4F2: to=<ann@example.net>" {
				t.Errorf("%s: part %d is whole: %v, %+v", name, i+1, whole, e)
			}
		}
	}
	v := &envelope{}
	for range 10 {
		v.open("2026-11-23T10:11:12.1Z stdout P " + strings.Repeat("x", maxLine/2))
	}
	if len(v.parts) > maxLine {
		t.Errorf("%d bytes of parts are kept", len(v.parts))
	}
}

func TestStamps(t *testing.T) {
	for _, tt := range []struct{ line, at, rest string }{
		{"Nov 23 10:11:12 mail x", "Nov 23 10:11:12", "mail x"},
		{"Nov  3 10:11:12 mail x", "Nov  3 10:11:12", "mail x"},
		{"2026-11-23 10:11:12 id", "2026-11-23 10:11:12", "id"},
		{"2026-11-23 10:11:12.345 id", "2026-11-23 10:11:12", "id"},
		{"2026-11-23 10:11:12,345 id", "2026-11-23 10:11:12", "id"},
		{"2026-11-23 10:11:12.345 +0100 id", "2026-11-23 10:11:12", "id"},
		{"2026-11-23T10:11:12.345678+01:00 mail", "2026-11-23 10:11:12", "mail"},
		{"2026-11-23T10:11:12Z mail", "2026-11-23 10:11:12", "mail"},
		{"2026/11/23 10:11:12 INFO", "2026-11-23 10:11:12", "INFO"},
		{"2026/11-23 10:11:12 INFO", "", "2026/11-23 10:11:12 INFO"},
		{"2026-11-23 10:11:12 MAIL x", "2026-11-23 10:11:12", "MAIL x"},
		{"Mon 2026-11-23 10:11:12 CEST mail", "2026-11-23 10:11:12", "mail"},
		{"Okt 23 10:11:12 mail x", "Oct 23 10:11:12", "mail x"},
		{"23 Nov 10:11:12 mail x", "Nov 23 10:11:12", "mail x"},
		{"nov. 23 10:11:12.5 mail x", "Nov 23 10:11:12", "mail x"},
		{"Mär  3 10:11:12 mail x", "Mar  3 10:11:12", "mail x"},
		{"août 23 10:11:12 mail x", "Aug 23 10:11:12", "mail x"},
		{"нояб. 23 10:11:12 mail x", "Nov 23 10:11:12", "mail x"},
		{"11月 23 10:11:12 mail x", "Nov 23 10:11:12", "mail x"},
		{"Nov 23 2026 10:11:12 mail x", "2026-11-23 10:11:12", "mail x"},
		{"lun 23 nov 2026 10:11:12 mail x", "2026-11-23 10:11:12", "mail x"},
		{"Mi 2026-11-25 10:11:12 CET mail x", "2026-11-25 10:11:12", "mail x"},
		{"mer. 2026-11-25 10:11:12 mail x", "2026-11-25 10:11:12", "mail x"},
		{"Xyz 23 10:11:12 mail x", "", "Xyz 23 10:11:12 mail x"},
		{"Okt 32 10:11:12 mail x", "", "Okt 32 10:11:12 mail x"},
		{"nov 10:11:12 mail x", "", "nov 10:11:12 mail x"},
		{"23 10:11:12 mail x", "", "23 10:11:12 mail x"},
		{"Okt 23", "", "Okt 23"},
		{"421 4.7.0 at 10:11:12 x", "", "421 4.7.0 at 10:11:12 x"},
		{"mail x", "", "mail x"},
		{"Nov 41 10:11:12 mail x", "", "Nov 41 10:11:12 mail x"},
		{"Nov 23 30:11:12 mail x", "", "Nov 23 30:11:12 mail x"},
		{"ovN 23 10:11:12 mail x", "", "ovN 23 10:11:12 mail x"},
		{"2026-13-23 10:11:12 id", "", "2026-13-23 10:11:12 id"},
		{"@4000000069a1zzzz00000000 x", "", "@4000000069a1zzzz00000000 x"},
		{"12345678901234567890.1 x", "", "12345678901234567890.1 x"},
		{"", "", ""},
	} {
		at, rest, ok := new(stamps).read(tt.line)
		if ok != (tt.at != "") || rest != tt.rest || ok && formatTime(at) != tt.at {
			t.Errorf("read(%q) = %v, %q, %v", tt.line, at, rest, ok)
		}
	}
}

// Over the turn of a year a log without years goes on, and a line that is a little late
// stays in the old one.
func TestClock(t *testing.T) {
	var c clock
	read := func(text string) time.Time {
		at, _, _ := new(stamps).read(text + " ")
		return c.inOrder(at)
	}
	first := read("Dec 31 23:59:59")
	for _, tt := range []struct {
		text string
		want time.Duration
	}{{"Jan  1 00:00:01", 2 * time.Second}, {"Dec 31 23:59:58", -time.Second}, {"Jan  1 00:00:02", 3 * time.Second}} {
		if got := read(tt.text).Sub(first); got != tt.want {
			t.Errorf("%s is %v later, want %v", tt.text, got, tt.want)
		}
	}
	if got := formatTime(read("Jan  1 00:00:03")); got != "Jan  1 00:00:03" {
		t.Errorf("it is shown as %q, with a year that nobody knows", got)
	}
}
