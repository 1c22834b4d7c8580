package profile

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

const shapingText = `["default"]
connection_limit = 10
max_connection_rate = "100/min"
max_deliveries_per_connection = 100
max_message_rate = "100/s"
idle_timeout = "60s"
data_timeout = "30s"
enable_tls = "Opportunistic"

[[default.automation]]
regex = [
  '''Messages from \d+\.\d+\.\d+\.\d+ are put off''',
  'not (?=this one)',
]
action = [
  {SetConfig={name="max_message_rate", value="1/minute"}},
  {SetConfig={name="connection_limit", value=1}},
]
duration = "90m"

[provider."Example Mail"]
match = [
  {MXSuffix=".example.net"},
  {MXSuffix="example.org"},
  {HostName="mx.example.com"},
  {DomainSuffix="other.example"},
  {Moon="full"},
]
max_deliveries_per_connection = 50
provider_connection_limit = "local:5"
connection_limit = 7
max_message_rate = "1,000/hr"

[[provider."Example Mail".automation]]
regex = "^421 4\\.7\\.0 \\[TS\\d+\\]"
trigger = {Threshold="5/hr"}
action = "Suspend"
duration = "2 hours"

[[provider."Example Mail".automation]]
regex = "421 4\\.7\\.0 \\[TS01\\]"
action = "SuspendTenant"
duration = "30 days"
match_internal = true

[[provider."Example Mail".automation]]
regex = "too many of you"
action = {SetConfig={name="max_deliveries_per_connection", value=2}}
trigger = "Immediate"

[[provider."Example Mail".automation]]
regex = "go away"
action = "Bounce"

["other.example"]
mx_rollup = false
connection_limit = 3

["other.example".sources."my source"]
connection_limit = 1
`

func TestParseShaping(t *testing.T) {
	s, warnings, err := ParseShaping(strings.NewReader(shapingText), "shaping.toml")
	if err != nil {
		t.Fatal(err)
	}
	base := throttle.Limits{
		Connections: 10, ConnectionRate: throttle.Rate{Count: 100, Per: time.Minute},
		MessageRate: throttle.Rate{Count: 100, Per: time.Second}, MessagesPerConnection: 100,
	}
	mail := base
	mail.Connections, mail.MessagesPerConnection, mail.MessageRate = 5, 50, throttle.Rate{Count: 1000, Per: time.Hour}
	other := base
	other.Connections = 3
	for _, tt := range []struct {
		found *Profile
		name  string
		want  throttle.Limits
	}{
		{s.ByDomain("unheard-of.example"), "default", base},
		{s.ByMX("mx1.example.net"), "example-mail", mail},
		{s.ByMX("example.org"), "example-mail", mail},
		{s.ByMX("mx.example.com"), "example-mail", mail},
		{s.ByDomain("sub.other.example"), "example-mail", mail},
		{s.ByDomain("other.example"), "other.example", other},
	} {
		if tt.found == nil || tt.found.Name != tt.name || tt.found.Limits() != tt.want {
			t.Errorf("found %+v, want %q with %v", tt.found, tt.name, tt.want)
		}
	}
	if p := s.ByMX("badexample.org"); p != nil {
		t.Errorf("badexample.org is %q, want nobody", p.Name)
	}
	want := []string{
		`shaping.toml:6: idle_timeout is left out: it has no meaning here`,
		`shaping.toml:7: data_timeout is left out`,
		`shaping.toml:8: enable_tls is left out`,
		`shaping.toml:13: regex "not (?=this one)" is left out: package regexp does not take it`,
		`shaping.toml:15: action SetConfig of "connection_limit" is left out: a reply has one meaning`,
		`shaping.toml:19: duration is left out`,
		`shaping.toml:26: match of "other.example" is left out: another section has it`,
		`shaping.toml:27: match by Moon is left out`,
		`shaping.toml:36: trigger is left out`,
		`shaping.toml:41: regex "421 4\\.7\\.0 \\[TS01\\]" is left out: an earlier one takes its replies`,
		`shaping.toml:43: duration is cut to 24h0m0s`,
		`shaping.toml:44: match_internal is left out`,
		`shaping.toml:53: action "Bounce" is left out`,
		`shaping.toml:59: sources is left out`,
	}
	for i, w := range warnings {
		if i >= len(want) || !strings.HasPrefix(w.Error(), want[i]) {
			t.Errorf("warning %d is\n%v\nwant\n%v", i+1, w, want[min(i, len(want)-1)])
		}
	}
	if len(warnings) < len(want) {
		t.Errorf("%d warnings, want %d", len(warnings), len(want))
	}
}

func TestParseShapingMakesRules(t *testing.T) {
	s, _, err := ParseShaping(strings.NewReader(shapingText), "shaping.toml")
	if err != nil {
		t.Fatal(err)
	}
	classifier, err := classify.New(s.Rules()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		provider, reply string
		class           classify.Class
		limit           classify.Limit
		after           time.Duration
		rule            string
	}{
		{"", "421 Messages from 192.0.2.1 are put off", classify.ClassRateLimited, classify.LimitMessageRate, 0, "shaping-default-"},
		{"example-mail", "421 4.7.0 [TS03] wait", classify.ClassIPReputation, classify.LimitNone, 2 * time.Hour, "shaping-example-mail-"},
		{"example-mail", "452 4.3.0 too many of you", classify.ClassConnectionMessageLimit, classify.LimitMessagesPerConnection, 0, "shaping-example-mail-"},
	} {
		reply, err := classify.ParseReply(tt.reply)
		if err != nil {
			t.Fatal(err)
		}
		v := classifier.Of(classify.Input{Stage: classify.StageMail, Provider: tt.provider}, reply)
		if v.Class != tt.class || v.Limit != tt.limit || v.RetryAfter != tt.after || !strings.HasPrefix(v.Rule, tt.rule) {
			t.Errorf("%s: %+v, want %v, %v, %v by %s...", tt.reply, v, tt.class, tt.limit, tt.after, tt.rule)
		}
	}
}

// KumoMTA's own files belong together: one has who a provider is, the other what
// its replies mean.
func TestShapingFilesGoTogether(t *testing.T) {
	const one = "[provider.a]\nmatch = [{MXSuffix='.a.example'}]\n[[provider.a.automation]]\nregex = 'wrong moon'\naction = 'Suspend'\nduration = '1h'\n"
	const two = "[[provider.a.automation]]\nregex = 'wrong star'\naction = 'Suspend'\nduration = '2h'\n"
	base, _, err := ParseShaping(strings.NewReader(one), "one.toml")
	if err != nil {
		t.Fatal(err)
	}
	own, warnings, err := ParseShaping(strings.NewReader(two), "two.toml")
	if err != nil || len(warnings) != 1 || warnings[0].Error() != `two.toml:1: provider "a" matches nobody: it is found by its name only` {
		t.Fatalf("warnings are %v, error is %v", warnings, err)
	}
	s := base.With(own)
	if p := s.ByMX("mx.a.example"); p == nil || len(p.Rules) != 2 || p.Rules[0].RetryAfter != 2*time.Hour || len(s.Rules()) != 2 {
		t.Errorf("profile is %+v, want both rules, that of two.toml first", p)
	}
}

func TestParseShapingNamesEveryMistake(t *testing.T) {
	const text = `top = 1
["a.example"]
connection_limit = 0
max_message_rate = "10/fortnight"
max_connection_rate = 10
idle_timeout = "60s"
max_deliveries_per_connection = "local:x"

[["a.example".automation]]
regex = 7
action = "Suspend"
duration = "1 moon"
[["a.example".automation]]
action = "Suspend"

["b example"]
mx_rollup = "no"

[provider.x]
match = "all"
`
	_, _, err := ParseShaping(strings.NewReader(text), "f")
	want := []string{
		"f:1: top is a number: want a table",
		"f:3: connection_limit is 0: want a whole number from 1",
		`f:4: max_message_rate is "10/fortnight": "fortnight" is no period; want a rate such as`,
		"f:5: max_connection_rate is a number: want text in quotes",
		"f:7: max_deliveries_per_connection is local:x: want a whole number",
		"f:10: regex is a number: want a list of texts",
		`f:12: duration is "1 moon": "moon" is no unit`,
		"f:13: regex is missing",
		`f:16: "b example": ' ' does not belong there`,
		"f:17: mx_rollup is text: want true or false",
		"f:20: match is text: want tables",
	}
	got := splitErrors(err)
	for i, e := range got {
		if i >= len(want) || !strings.HasPrefix(e.Error(), want[i]) {
			t.Errorf("error %d is\n%v\nwant\n%s...", i+1, e, want[min(i, len(want)-1)])
		}
	}
	if len(got) < len(want) {
		t.Errorf("%d errors, want %d", len(got), len(want))
	}
}

func TestShapingRate(t *testing.T) {
	per := func(n int, d time.Duration) throttle.Rate { return throttle.Rate{Count: n, Per: d} }
	for text, want := range map[string]throttle.Rate{
		"10/s": per(10, time.Second), "10/sec": per(10, time.Second), "10/second": per(10, time.Second),
		"50/m": per(50, time.Minute), "50/min": per(50, time.Minute), "50/minute": per(50, time.Minute),
		"1,000/hr": per(1000, time.Hour), "1_000/h": per(1000, time.Hour), "1000/hour": per(1000, time.Hour),
		"10_000/d": per(10000, 24*time.Hour), "10,000/day": per(10000, 24*time.Hour),
		"local:5/s": per(5, time.Second), "5/s,max_burst=3": {Count: 5, Per: time.Second, Burst: 3},
	} {
		if got, err := parseShapingRate(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "10", "/s", "0/s", "-1/s", "x/s", "10/w", "10/", "1.5/s", "10/s,", "10/s,max_burst=0", "10/s,burst=2", "99999999999999999999/s"} {
		if got, err := parseShapingRate(text); err == nil || got != (throttle.Rate{}) {
			t.Errorf("%q is %v, %v, want an error", text, got, err)
		}
	}
}

func TestShapingInterval(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"60s": time.Minute, "90m": 90 * time.Minute, "2 hours": 2 * time.Hour, "1 hour": time.Hour, "30 days": 720 * time.Hour,
		"1h 30m": 90 * time.Minute, "1h30m": 90 * time.Minute, " 15 minutes ": 15 * time.Minute, "500ms": 500 * time.Millisecond,
	} {
		if got, err := parseInterval(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "5", "s", "5 moons", "-5s", "0s", "1.5h", "1h30", "999999999999 d", "2147483647 weeks"} {
		if got, err := parseInterval(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

func FuzzParseShaping(f *testing.F) {
	f.Add([]byte(shapingText))
	f.Add([]byte("[[default.automation]]\nregex = 'a|b*'\naction = {SetConfig={name='connection_limit', value=1}}\nduration='1s'\n"))
	f.Add([]byte("[provider.a]\nmatch=[{MXSuffix='.a'},{MXSuffix='.a'}]\n[provider.b]\nmatch=[{MXSuffix='.a'}]\n[a]\n['A']\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, warnings, err := ParseShaping(bytes.NewReader(text), "f")
		if (s == nil) == (err == nil) {
			t.Fatalf("ParseShaping gave both or neither: %v, %v", s, err)
		}
		for _, w := range warnings {
			if w.Line < 1 || w.Line > bytes.Count(text, []byte("\n"))+1 {
				t.Fatalf("%v is not in the file", w)
			}
		}
		if err != nil {
			return
		}
		if _, err := classify.New(s.Rules()...); err != nil {
			t.Fatalf("classify does not take the rules: %v", err)
		}
	})
}
