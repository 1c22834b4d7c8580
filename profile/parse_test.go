package profile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

const wholeProfile = `
# The user's own.
[[profile]]
name = "example"
domains = ["Example.NET.", "*.example.net"]
mx = ["*.mail.example.net", "mx.example.org"]
help = ["https://postmaster.example.net"]
forms = ["https://postmaster.example.net/unblock"]
contacts = ["postmaster@example.net"]

[[profile.figure]]
limits = "connections:5,rate:10/s"
note = "per sending address"
customary = true
source = "https://postmaster.example.net/limits"
date = "2026-11-23"

[[profile.figure]]
limits = "quota:1000/d"

[[profile.rule]]
name = "example-slow-down"
stages = ["MAIL", "dot"]
codes = [421]
enhanced = ["4.7.0"]
contains = ["slow down"]
class = "rate-limited"
limit = "message-rate"
scope = "source-address"
later = true
retry_after = "10m"
matches = ["421 4.7.0 slow down, please"]
rejects = ["421 4.7.0 closing down"]

[[rule]]
name = "any-moon"
pattern = 'phase of the moon: \d+'
class = "policy"
matches = ["550 wrong phase of the moon: 3"]
rejects = ["550 no"]
`

func TestParse(t *testing.T) {
	s, err := Parse(strings.NewReader(wholeProfile), "own.toml")
	if err != nil {
		t.Fatal(err)
	}
	p := s.ByName("example")
	if p == nil {
		t.Fatal("there is no profile example")
	}
	wantLimits := throttle.Limits{
		Connections: 5, MessageRate: throttle.Rate{Count: 10, Per: time.Second}, Quota: throttle.Quota{Count: 1000, Per: 24 * time.Hour},
	}
	if got := p.Limits(); got != wantLimits {
		t.Errorf("Limits() = %v, want %v", got, wantLimits)
	}
	f := p.Figures[0]
	if f.Note != "per sending address" || !f.Customary || f.Source != "https://postmaster.example.net/limits" || f.Date != "2026-11-23" {
		t.Errorf("figure 1 is %+v", f)
	}
	if p.Domains[0] != "example.net" || p.Help[0] != "https://postmaster.example.net" || p.Forms[0] != "https://postmaster.example.net/unblock" || p.Contacts[0] != "postmaster@example.net" {
		t.Errorf("profile is %+v", p)
	}
	r := p.Rules[0]
	if r.Provider != "example" || r.Class != classify.ClassRateLimited || r.Limit != classify.LimitMessageRate ||
		r.Scope != classify.ScopeSource || !r.Later || r.RetryAfter != 10*time.Minute ||
		len(r.Stages) != 2 || r.Stages[1] != classify.StageDot || r.Codes[0] != 421 || r.Enhanced[0] != "4.7.0" {
		t.Errorf("rule is %+v", r)
	}
	rules := s.Rules()
	if len(rules) != 2 || rules[0].Name != "any-moon" || rules[0].Provider != "" {
		t.Errorf("Rules() = %+v, want any-moon, then example-slow-down", rules)
	}
	if _, err := classify.New(rules...); err != nil {
		t.Errorf("classify.New of them: %v", err)
	}
}

func TestParseNamesEveryMistake(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // the beginning of each error, in order
	}{
		{"not TOML", "[[profile]]\nname = \n", []string{"f.toml:2: no TOML: "}},
		{"no name", "\n[[profile]]\n", []string{`f.toml:2: "" is no name: want lower-case`}},
		{"unknown keys", "nmae = 1\n[[profile]]\nname = \"a\"\n\ndomain = [\"b\"]\n[[profile.figure]]\nlimit = \"connections:1\"\nnote = \"n\"\n", []string{
			`f.toml:1: unknown key "nmae": want one of profile, rule`,
			`f.toml:5: unknown key "domain": want one of name, domains, mx, relays, help, forms, contacts, figure, rule`,
			`f.toml:7: unknown key "limit": want one of note, customary, source, date, limits`,
		}},
		{"keys in capitals", "[[profile]]\nName = \"a\"\n", []string{
			`f.toml:1: "" is no name`, `f.toml:2: unknown key "Name"`,
		}},
		{"wrong kinds", "[[profile]]\nname = 5\ndomains = \"a.net\"\nmx = [\n  \"b.net\",\n  7,\n]\n[[profile.figure]]\nnote = true\ncustomary = \"yes\"\nsource = 2026-11-23\n", []string{
			"f.toml:2: name is a number: want text in quotes",
			`f.toml:2: "" is no name`,
			"f.toml:3: domains is text: want a list of texts",
			"f.toml:6: mx has a number: want a list of texts",
			"f.toml:8: it says nothing: want limits or a note",
			"f.toml:9: note is true or false: want text in quotes",
			"f.toml:10: customary is text: want true or false",
			"f.toml:11: source is a date: want text in quotes",
		}},
		{"a table where a list of tables belongs", "[profile]\nname = \"a\"\n", []string{"f.toml:1: profile is a table: want tables, each below [[profile]]"}},
		{"patterns", "[[profile]]\nname = \"a\"\ndomains = [\n  \".a.net\",\n  \"a.*.net\",\n  \"ann@a.net\",\n  \"bücher.example\",\n  \"a b\",\n  \"a..b\",\n]\nmx = [\"*\"]\n", []string{
			`f.toml:4: ".a.net": want "*.a.net" for all names below it`,
			`f.toml:5: "a.*.net": want a "*" only in front`,
			`f.toml:6: "ann@a.net" is an address`,
			`f.toml:7: "bücher.example": not in ASCII`,
			`f.toml:8: "a b": ' ' does not belong there`,
			`f.toml:9: "a..b": no name of a domain or host`,
			`f.toml:11: "*": want a "*" only in front`,
		}},
		{"relays", "[[profile]]\nname = \"a\"\nrelays = [\n  \"smtp.*.a.net\",\n  \"*.*.a.net\",\n  \"smtp.*.*.a.net\",\n  \"smtp.*\",\n  \"smtp.x*.a.net\",\n  \"\",\n]\n[[profile]]\nname = \"b\"\nmx = [\"m.net\"]\nrelays = [\n  \"smtp.b.net\",\n  \"smtp.*.a.net\",\n]\n", []string{
			`f.toml:6: pattern "smtp.*.*.a.net": `,
			`f.toml:7: pattern "smtp.*": `,
			`f.toml:8: pattern "smtp.x*.a.net": `,
			`f.toml:9: pattern "": `,
			`f.toml:14: this profile has domains or mx, too: want another profile`,
			`f.toml:16: "smtp.*.a.net" is taken by profile "a"`,
		}},
		{"taken twice", "[[profile]]\nname = \"a\"\ndomains = [\"a.net\", \"A.net\"]\n\n[[profile]]\nname = \"a\"\nmx = [\"m.net\"]\n[[profile]]\nname = \"b\"\nmx = [\"m.net\"]\n", []string{
			`f.toml:3: "a.net" is taken by profile "a": want it once`,
			`f.toml:6: "a" is taken by profile "a"`,
			`f.toml:10: "m.net" is taken by profile "a"`,
		}},
		{"figures", "[[profile]]\nname = \"a\"\n[[profile.figure]]\nlimits = \"conections:5\"\n[[profile.figure]]\nlimits = \"connections:5\"\ndate = \"last week\"\nidle_timeout = \"30s\"\n[[profile.figure]]\nlimits = \"rate:1/s,connections:6\"\n", []string{
			`f.toml:4: throttle: limit "conections" is unknown: want one of connections`,
			`f.toml:5: date is "last week": want a day, month or year`,
			`f.toml:8: unknown key "idle_timeout": want one of note`,
			`f.toml:9: connections:6: an earlier figure has this limit, too`,
		}},
		{"rules", "[[profile]]\nname = \"a\"\n[[profile.rule]]\nname = \"r\"\nclass = \"rate limited\"\nstages = [\"MAIL\", \"mial\"]\ncodes = [421, 99999999999]\nmatches = [\"421 a\"]\nrejects = [\"250 b\"]\n", []string{
			"f.toml:3: ",
			`f.toml:5: classify: "rate limited" is no class`,
			`f.toml:6: classify: "mial" is no stage`,
		}},
		{"rules for any receiver", "[[rule]]\nname = \"r\"\nclass = \"policy\"\nmatches = [\"550 a\"]\nrejects = [\"250 b\"]\n[[profile]]\nname = \"a\"\n[[profile.rule]]\nname = \"r\"\ncontains = [\"moon\"]\nclass = \"policy\"\nmatches = [\"550 wrong moon\"]\nrejects = [\"550 no\"]\n", []string{
			"f.toml:1: ",
			`f.toml:8: "r" is taken by the file: want it once`,
		}},
		{"a rule that never decides its example", "[[profile]]\nname = \"a\"\n[[profile.rule]]\nname = \"r\"\ncontains = [\"moon\"]\nclass = \"policy\"\nmatches = [\"550 wrong moon\"]\nrejects = [\"550 no\"]\n\n[[profile.rule]]\nname = \"s\"\ncontains = [\"wrong moon\"]\nclass = \"policy\"\nmatches = [\"550 wrong moon\"]\nrejects = [\"550 no\"]\n", []string{
			"f.toml:10: ",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(tt.text), "f.toml")
			got := splitErrors(err)
			for i, e := range got {
				if i < len(tt.want) && !strings.HasPrefix(e.Error(), tt.want[i]) {
					t.Errorf("error %d is\n%v\nwant\n%s...", i+1, e, tt.want[i])
				}
				if _, ok := errors.AsType[*FileError](e); !ok {
					t.Errorf("error %d is a %T, want a *FileError", i+1, e)
				}
			}
			if len(got) < len(tt.want) {
				t.Errorf("%d errors, want %d:\n%v", len(got), len(tt.want), err)
			}
		})
	}
}

// splitErrors takes joined errors apart.
func splitErrors(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return nil
}

func TestParseIsBounded(t *testing.T) {
	tests := []struct {
		name string
		in   io.Reader
		want string
	}{
		{"too long", io.MultiReader(strings.NewReader("a = 1 #"), strings.NewReader(strings.Repeat("x", maxFile))), "f: longer than 1024 KiB: want less"},
		{"deep lists", strings.NewReader("\na = " + strings.Repeat("[", 5000)), "f:2: nested more than 16 deep: want less"},
		{"deep inline tables", strings.NewReader("a = " + strings.Repeat("{a=", 5000)), "f:1: nested more than 16 deep: want less"},
		{"deep keys", strings.NewReader(strings.Repeat("a.", 5000) + "a = 1"), "f:1: nested more than 16 deep: want less"},
		{"deep headers", strings.NewReader("[" + strings.Repeat("a.", 5000) + "a]"), "f:1: nested more than 16 deep: want less"},
		{"a reader that fails", iotest.ErrReader(errors.New("gone")), "f: gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse(tt.in, "f"); err == nil || err.Error() != tt.want {
				t.Errorf("error is %v, want %s", err, tt.want)
			}
		})
	}
}

func TestParseTakesAnEmptyFile(t *testing.T) {
	s, err := Parse(strings.NewReader(""), "f")
	if err != nil || s.ByDomain("example.net") != nil || len(s.Rules()) != 0 {
		t.Errorf("Parse(\"\") = %+v, %v", s, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(wholeProfile))
	f.Add([]byte(providers[:600]))
	f.Add([]byte("[[profile]]\nname = \"a\"\n[[profile.rule]]\npattern = '(?i'\n"))
	f.Add([]byte("profile = [{name = \"a\", domains = [\"*\"]}, # x\n]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(bytes.NewReader(text), "f")
		if (s == nil) == (err == nil) {
			t.Fatalf("Parse gave both or neither: %v, %v", s, err)
		}
		if err != nil {
			for _, e := range splitErrors(err) {
				if e, ok := errors.AsType[*FileError](e); !ok || e.Line < 0 || e.Line > bytes.Count(text, []byte("\n"))+1 {
					t.Fatalf("%v is not in the file", e)
				}
			}
			return
		}
		if _, err := classify.New(s.Rules()...); err != nil {
			t.Fatalf("classify does not take the rules: %v", err)
		}
		for p := range s.Profiles() {
			if err := p.Limits().Validate(); err != nil {
				t.Fatalf("limits of %q: %v", p.Name, err)
			}
			if s.ByName(p.Name) != p {
				t.Fatalf("profile %q is not found", p.Name)
			}
		}
	})
}
