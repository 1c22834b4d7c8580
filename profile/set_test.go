package profile

import (
	"strings"
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

func newSet(t *testing.T, profiles ...Profile) *Set {
	t.Helper()
	s, err := New(profiles...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func nameOf(p *Profile) string {
	if p == nil {
		return ""
	}
	return p.Name
}

func TestSetFindsTheNarrowest(t *testing.T) {
	s := newSet(t,
		Profile{Name: "any", Domains: []string{"*"}},
		Profile{Name: "net", Domains: []string{"*.net"}, MX: []string{"*.net"}},
		Profile{Name: "example", Domains: []string{"*.Example.net"}, MX: []string{"*.example.net"}},
		Profile{Name: "one", Domains: []string{"mail.example.net."}, MX: []string{"mx1.example.net"}},
	)
	for _, tt := range []struct{ domain, want string }{
		{"mail.example.net", "one"}, {"MAIL.Example.Net.", "one"}, {"other.example.net", "example"}, {"a.mail.example.net", "example"},
		{"example.net", "net"}, {"net", "any"}, {"example.org", "any"}, {"", "any"}, {"..", "any"},
	} {
		if got := nameOf(s.ByDomain(tt.domain)); got != tt.want {
			t.Errorf("ByDomain(%q) is %q, want %q", tt.domain, got, tt.want)
		}
	}
	for _, tt := range []struct{ host, want string }{
		{"mx1.example.net", "one"}, {"mx2.example.net.", "example"}, {"x.net", "net"}, {"net", ""}, {"example.org", ""}, {"", ""},
	} {
		if got := nameOf(s.ByMX(tt.host)); got != tt.want {
			t.Errorf("ByMX(%q) is %q, want %q", tt.host, got, tt.want)
		}
	}
	if nameOf(s.ByName("one")) != "one" || s.ByName("two") != nil {
		t.Error("ByName does not find by name")
	}
}

func rule(name, contains string, class classify.Class) classify.Rule {
	return classify.Rule{
		Name: name, Contains: []string{contains}, Class: class,
		Matches: []string{"550 " + contains}, Rejects: []string{"550 something else"},
	}
}

func TestWithPutsOwnFirst(t *testing.T) {
	base := newSet(t,
		Profile{
			Name: "big", Domains: []string{"big.example"}, MX: []string{"*.big.example"}, Help: []string{"https://big.example"}, Forms: []string{"https://big.example/form"}, Contacts: []string{"ann@big.example"},
			Figures: []Figure{{Limits: throttle.Limits{Connections: 5, MessagesPerConnection: 20}, Source: "theirs"}},
			Rules:   []classify.Rule{rule("big-a", "moon", classify.ClassPolicy), rule("big-b", "mars", classify.ClassPolicy)},
		},
		Profile{Name: "small", Domains: []string{"small.example"}},
	)
	own := newSet(t,
		Profile{
			Name: "big", Help: []string{"mailto:ann@example.net"}, Forms: []string{"https://example.net/form"}, Contacts: []string{"ann@example.net"},
			Figures: []Figure{{Limits: throttle.Limits{Connections: 50}, Source: "ours"}},
			Rules:   []classify.Rule{rule("big-a", "moon", classify.ClassSpamContent)},
		},
		Profile{Name: "mine", Domains: []string{"*.example"}},
	)
	s := base.With(own)
	big := s.ByName("big")
	if got := big.Limits(); got != (throttle.Limits{Connections: 50, MessagesPerConnection: 20}) {
		t.Errorf("limits are %v", got)
	}
	if len(big.Help) != 2 || big.Help[0] != "mailto:ann@example.net" {
		t.Errorf("help is %q", big.Help)
	}
	if len(big.Forms) != 2 || len(big.Contacts) != 2 || big.Forms[0] != "https://example.net/form" || big.Contacts[0] != "ann@example.net" {
		t.Errorf("forms are %q, contacts %q", big.Forms, big.Contacts)
	}
	if len(big.Rules) != 2 || big.Rules[0].Class != classify.ClassSpamContent {
		t.Errorf("rules are %+v", big.Rules)
	}
	if rules := s.Rules(); len(rules) != 2 || rules[0].Class != classify.ClassSpamContent || rules[1].Name != "big-b" {
		t.Errorf("Rules() = %+v", rules)
	}
	// What is wider but one's own goes before what is narrower.
	for domain, want := range map[string]string{"big.example": "mine", "small.example": "mine", "example": ""} {
		if got := nameOf(s.ByDomain(domain)); got != want {
			t.Errorf("ByDomain(%q) is %q, want %q", domain, got, want)
		}
	}
	if got := s.ByMX("mx.big.example"); got != big {
		t.Errorf("ByMX finds %q, want the merged profile", nameOf(got))
	}
	var names []string
	for p := range s.Profiles() {
		names = append(names, p.Name)
	}
	if strings.Join(names, " ") != "big mine small" {
		t.Errorf("profiles are %q, want big mine small", names)
	}
	if base.ByName("big").Limits().Connections != 5 || len(own.ByName("big").Rules) != 1 {
		t.Error("With has changed the sets that it was made of")
	}
}

func TestAnyDomainIsLast(t *testing.T) {
	base := newSet(t, Profile{Name: "base", Domains: []string{"base.example"}})
	own := newSet(t, Profile{Name: "all", Domains: []string{"*"}})
	s := base.With(own)
	if got := nameOf(s.ByDomain("base.example")); got != "base" {
		t.Errorf(`base.example is %q: "*" must leave it alone`, got)
	}
	if got := nameOf(s.ByDomain("other.example")); got != "all" {
		t.Errorf("other.example is %q, want all", got)
	}
}

func TestZeroSetIsEmpty(t *testing.T) {
	var s Set
	if s.ByName("a") != nil || s.ByDomain("a") != nil || s.ByMX("a") != nil || s.Rules() != nil {
		t.Error("the zero Set has something")
	}
	own := newSet(t, Profile{Name: "a"})
	if s.With(own).ByName("a") == nil || own.With(&s).ByName("a") == nil {
		t.Error("With the zero Set loses a profile")
	}
}

func TestNewNamesEveryMistake(t *testing.T) {
	_, err := New(
		Profile{Name: "Big One", Domains: []string{"a.example", ".b.example"}},
		Profile{
			Name: "b", MX: []string{"a.example"}, Domains: []string{"A.example"},
			Figures: []Figure{{}, {Limits: throttle.Limits{Connections: -2}}},
			Rules:   []classify.Rule{{Provider: "c"}},
		},
	)
	if err == nil {
		t.Fatal("New takes it")
	}
	for _, want := range []string{
		`profile: profile "Big One": name: "Big One" is no name`,
		`profile: profile "Big One": domains 2: ".b.example": want "*.b.example"`,
		`profile: profile "b": domains 1: "a.example" is taken by profile "Big One"`,
		`profile: profile "b": figure 1: it says nothing`,
		`profile: profile "b": figure 2: limits: Connections is -2`,
		`profile: profile "b": rule 1: rule "" is for provider "c": want "b"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not have\n%s\nit is\n%v", want, err)
		}
	}
}

func TestNewCopies(t *testing.T) {
	domains := []string{"A.example"}
	s := newSet(t, Profile{Name: "a", Domains: domains})
	if domains[0] != "A.example" {
		t.Error("New has changed the caller's slice")
	}
	domains[0] = "b.example"
	if s.ByName("a").Domains[0] != "a.example" {
		t.Error("New has kept the caller's slice")
	}
}

func BenchmarkByDomain(b *testing.B) {
	s := Default()
	for _, domain := range []string{"gmail.com", "a.b.c.d.example.net"} {
		b.Run(domain, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.ByDomain(domain)
			}
		})
	}
}
