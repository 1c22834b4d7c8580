package pool

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"
)

// recordOf returns the TLSA record that stands for a certificate.
func recordOf(usage, selector, matching uint8, of *Issuer) TLSA {
	data := of.Cert.Raw
	if selector == 1 {
		data = of.Cert.RawSubjectPublicKeyInfo
	}
	switch matching {
	case 1:
		sum := sha256.Sum256(data)
		data = sum[:]
	case 2:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return TLSA{Usage: usage, Selector: selector, Matching: matching, Data: data}
}

// TestCheck judges the states of connections by every need.
func TestCheck(t *testing.T) {
	root, stranger := NewAuthority(t), NewAuthority(t)
	middle := root.Authority(t)
	good, other := middle.Server(t, FarAhead, "mx.test"), middle.Server(t, FarAhead, "other.test")
	expired, wild := middle.Server(t, Expired, "mx.test"), middle.Server(t, FarAhead, "*.test")
	foreign, self := stranger.Server(t, FarAhead, "mx.test"), (*Issuer)(nil).Server(t, FarAhead, "mx.test")
	states := map[string]tls.ConnectionState{
		"good": state(good, middle), "other": state(other, middle), "expired": state(expired, middle), "wild": state(wild, middle),
		"foreign": state(foreign), "self": state(self), "nothing": {},
	}
	pkix := TLSPolicy{Need: NeedWebPKI, Names: []string{"MX.test."}}
	either := TLSPolicy{Need: NeedWebPKI, Names: []string{"mx.test", "other.test"}}
	sts := TLSPolicy{Need: NeedMTASTS, Names: []string{"a.test", "*.Test"}}
	deep := TLSPolicy{Need: NeedMTASTS, Names: []string{"*.mx.test", "test", "*.*"}}
	dane := func(names []string, records ...TLSA) TLSPolicy {
		return TLSPolicy{Need: NeedDANE, Names: names, Records: records}
	}
	mx, domain := []string{"mx.test"}, []string{"x.test", "other.test"}
	ee := dane(nil, recordOf(3, 1, 1, good), recordOf(3, 1, 1, expired), recordOf(3, 1, 1, self))
	ta := dane(mx, recordOf(2, 0, 1, middle))
	for _, test := range []struct {
		what   string
		policy TLSPolicy
		want   map[string]string // by state; others are an error
	}{
		{"opportunistic", TLSPolicy{Need: NeedOpportunistic}, map[string]string{
			"good": "webpki", "wild": "webpki", "other": "none", "expired": "none", "foreign": "none", "self": "none", "nothing": "none"}},
		{"webpki", pkix, map[string]string{"good": "webpki", "wild": "webpki"}},
		{"webpki of two names", either, map[string]string{"good": "webpki", "wild": "webpki", "other": "webpki"}},
		{"mta-sts", sts, map[string]string{"good": "mta-sts", "wild": "mta-sts"}},
		{"mta-sts that does not list the host", deep, nil},
		{"dane without records", dane(nil), map[string]string{
			"good": "none", "wild": "none", "other": "none", "expired": "none", "foreign": "none", "self": "none", "nothing": "none"}},
		{"dane-ee", ee, map[string]string{"good": "dane", "expired": "dane", "self": "dane"}},
		{"dane-ee of an authority", dane(nil, recordOf(3, 1, 1, middle), recordOf(3, 0, 0, root)), nil},
		{"dane-ta", ta, map[string]string{"good": "dane", "wild": "dane"}},
		{"dane-ta by the domain's name", dane(domain, recordOf(2, 0, 1, middle)), map[string]string{"other": "dane", "wild": "dane"}},
		{"dane-ta without a name", dane(nil, recordOf(2, 0, 1, middle)), nil},
		{"dane-ta of a root in the record", dane(mx, recordOf(2, 0, 0, root)), map[string]string{"good": "dane", "wild": "dane"}},
		{"dane-ta of a root that is not shown", dane(mx, recordOf(2, 0, 1, root)), nil},
		{"dane-ta of another", dane(mx, recordOf(2, 0, 0, stranger)), map[string]string{"foreign": "dane"}},
		{"dane-ta of what signs itself", dane(mx, recordOf(2, 1, 1, self)), map[string]string{"self": "dane"}},
		{"dane-ta of certificates that are expired or of another name", dane(mx, recordOf(2, 0, 1, expired), recordOf(2, 1, 1, other)), nil},
		{"dane, one of two", dane(mx, recordOf(2, 0, 1, stranger), recordOf(3, 1, 2, good)), map[string]string{"good": "dane"}},
		{"no such need", TLSPolicy{Need: 99}, nil},
	} {
		for name, given := range states {
			got, err := test.policy.check(given, trust{host: "mx.test", roots: root.Pool(), now: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)})
			want, proves := test.want[name]
			if !proves {
				want = "none"
			}
			if got != want || proves != (err == nil) || name == "nothing" && len(test.policy.Names) > 0 && test.policy.lists("mx.test") == nil && err != errNoCertificate {
				t.Errorf("%s, %s: got %q, %v", test.what, name, got, err)
			}
		}
	}
}

// state returns the state of a connection whose server has shown certificates.
func state(shown ...*Issuer) (s tls.ConnectionState) {
	for _, i := range shown {
		s.PeerCertificates = append(s.PeerCertificates, i.Cert)
	}
	return s
}

// TestCheckTLSA has every usage, selector and matching type match what it stands for,
// and nothing else.
func TestCheckTLSA(t *testing.T) {
	root := NewAuthority(t)
	middle := root.Authority(t)
	right, wrong := middle.Server(t, FarAhead, "mx.test"), NewAuthority(t).Server(t, FarAhead, "mx.test")
	for usage := uint8(2); usage <= 3; usage++ {
		for selector := range uint8(2) {
			for matching := range uint8(3) {
				of := right
				if usage == 2 {
					of = middle
				}
				record := recordOf(usage, selector, matching, of)
				flipped := record
				flipped.Data = append([]byte{}, record.Data...)
				flipped.Data[len(flipped.Data)-1] ^= 1
				if matching == 0 { // an authority in the record is its name and key, not its signature
					flipped.Data = record.Data[:len(record.Data)-1]
				}
				if err := record.Usable(); err != nil {
					t.Error(err)
				}
				policy := TLSPolicy{Need: NeedDANE, Names: []string{"mx.test"}, Records: []TLSA{record}}
				by := trust{host: "mx.test", roots: x509.NewCertPool(), now: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}
				if got, err := policy.check(state(right, middle), by); got != "dane" || err != nil {
					t.Errorf("%.20s: got %q, %v", record, got, err)
				}
				if got, err := policy.check(state(wrong, right, root), by); err == nil {
					t.Errorf("%.20s: another certificate proves %q", record, got)
				}
				policy.Records = []TLSA{flipped}
				if got, err := policy.check(state(right, middle), by); err == nil {
					t.Errorf("%.20s that is wrong proves %q", record, got)
				}
			}
		}
	}
}

// TestMatchesMX has RFC 8461 4.1 decide.
func TestMatchesMX(t *testing.T) {
	for _, test := range []struct {
		pattern, host string
		want          bool
	}{
		{"mx.example.com", "MX.example.com.", true},
		{"*.Example.com", "mx.example.com", true},
		{"*.example.com", "a.mx.example.com", false},
		{"*.example.com", "example.com", false},
		{"*.example.com", ".example.com", false},
		{"*.mx.microsoft", "a.h-v1.mx.microsoft", false},
		{"example.com", "mx.example.com", false},
		{"*.com", "mx.example.com", false},
		{"*", "com", false},
		{"m*.example.com", "mx.example.com", false},
		{"", "", true},
	} {
		if got := matchesMX(test.pattern, test.host); got != test.want {
			t.Errorf("%q for %q: got %v", test.pattern, test.host, got)
		}
	}
}

// TestProofIsAnIdentity: two endpoints have the same text only if what one proves is
// what the other needs.
func TestProofIsAnIdentity(t *testing.T) {
	a, b := TLSA{3, 1, 1, make([]byte, 32)}, TLSA{2, 1, 1, make([]byte, 32)}
	e := func(need TLSNeed, names []string, records ...TLSA) Endpoint {
		return Endpoint{Addr: "mx.test:25", TLSPolicy: TLSPolicy{need, names, records}}
	}
	asked := func(e Endpoint) Endpoint { // the server is asked for another name
		e.TLSConfig = &tls.Config{ServerName: "asked.test"}
		return e
	}
	long := strings.Repeat("long.", 30) + "test"
	groups := [][]Endpoint{
		{{Addr: "mx.test:25"}, {Addr: "mx.test:25", TLS: TLSOpportunistic}},
		{e(NeedOpportunistic, nil)},
		{e(NeedMTASTS, []string{"mx.test"}), e(NeedMTASTS, []string{"*.test"}), e(NeedMTASTS, []string{"a.example", "MX.test"})},
		{e(NeedMTASTS, []string{"a.example"})},
		{e(NeedMTASTS, []string{"a.example", "b.example"})},
		{e(NeedWebPKI, []string{"mx.test"}), e(NeedWebPKI, []string{"MX.test."})},
		{e(NeedWebPKI, []string{"mx.test", "b.test"})},
		{e(NeedWebPKI, []string{"b.test", "mx.test"})},
		{e(NeedWebPKI, []string{"b.test"})},
		{e(NeedWebPKI, []string{long})},
		{e(NeedWebPKI, []string{"x" + long})},
		{asked(e(NeedWebPKI, []string{"mx.test"}))},
		{asked(e(NeedWebPKI, []string{"b.test"}))},
		{asked(e(NeedMTASTS, []string{"b.test"}))},
		{e(NeedDANE, nil)},
		{e(NeedDANE, nil, a)},
		{e(NeedDANE, []string{"mx.test"}, a, b), e(NeedDANE, []string{"mx.test"}, b, a)},
		{e(NeedDANE, []string{"mx.test", "b.test"}, a, b)},
		{e(NeedDANE, []string{"mx.test"}, TLSA{2, 1, 1, append(make([]byte, 31), 1)})},
	}
	seen := map[string]int{}
	for i, group := range groups {
		for _, e := range group {
			if other, ok := seen[e.Proof()]; ok && other != i {
				t.Errorf("groups %d and %d are both %q", other, i, e.Proof())
			}
			seen[e.Proof()] = i
			if e.Proof() != group[0].Proof() || len(e.Proof()) > 120 {
				t.Errorf("group %d has %q and %q", i, e.Proof(), group[0].Proof())
			}
		}
	}
}

// TestTLSPolicyMistakes has each mistake name itself and what would be right.
func TestTLSPolicyMistakes(t *testing.T) {
	hash := make([]byte, 32)
	names := []string{"mx.test"}
	login := func(e *Endpoint) { e.Auth = AuthExternal }
	mode := func(m TLS) func(*Endpoint) { return func(e *Endpoint) { e.TLS = m } }
	for _, test := range []struct {
		policy TLSPolicy
		change func(*Endpoint)
		want   string // "" means that it is right
	}{
		{TLSPolicy{}, nil, ""},
		{TLSPolicy{Need: NeedOpportunistic}, nil, ""},
		{TLSPolicy{Need: NeedWebPKI, Names: names}, mode(TLSImplicit), ""},
		{TLSPolicy{Need: NeedWebPKI, Names: names}, login, ""},
		{TLSPolicy{Need: NeedMTASTS, Names: []string{"*.test", "my_mx.test."}}, mode(TLSMandatory), ""},
		{TLSPolicy{Need: NeedDANE}, nil, ""},
		{TLSPolicy{Need: NeedDANE, Records: []TLSA{{3, 1, 1, hash}}}, nil, ""},
		{TLSPolicy{Need: 99}, nil, "unknown need 99"},
		{TLSPolicy{Names: names}, nil, "no use for Names"},
		{TLSPolicy{Need: NeedOpportunistic, Names: names}, nil, "no use for Names"},
		{TLSPolicy{Need: NeedWebPKI, Names: names, Records: []TLSA{{3, 1, 1, hash}}}, nil, "NeedDANE both"},
		{TLSPolicy{Need: NeedWebPKI}, nil, "webpki has no Names; want"},
		{TLSPolicy{Need: NeedMTASTS}, nil, "mta-sts has no Names; want"},
		{TLSPolicy{Need: NeedDANE, Records: []TLSA{{2, 1, 1, hash}}}, nil, "dane has no Names; want"},
		{TLSPolicy{Need: NeedWebPKI, Names: []string{"*.test"}}, nil, `"*.test" of the need webpki is not valid; want`},
		{TLSPolicy{Need: NeedMTASTS, Names: []string{"a.*.test"}}, nil, "not valid"},
		{TLSPolicy{Need: NeedMTASTS, Names: []string{"*."}}, nil, "not valid"},
		{TLSPolicy{Need: NeedMTASTS, Names: []string{"192.0.2.1"}}, nil, "not valid"},
		{TLSPolicy{Need: NeedWebPKI, Names: []string{"mx..test"}}, nil, "not valid"},
		{TLSPolicy{Need: NeedWebPKI, Names: []string{"bücher.test"}}, nil, "not valid"},
		{TLSPolicy{Need: NeedDANE, Records: []TLSA{{3, 1, 1, hash}, {0, 1, 1, hash}}}, nil, "Records[1]: TLSA record has usage 0; want 2 or 3"},
		{TLSPolicy{Need: NeedDANE, Records: []TLSA{{1, 1, 1, hash}}}, nil, "usage 1; want 2 or 3"},
		{TLSPolicy{Need: NeedDANE, Records: []TLSA{{3, 2, 1, hash}}}, nil, "selector 2; want 0 or 1"},
		{TLSPolicy{Need: NeedDANE, Records: []TLSA{{3, 1, 3, hash}}}, nil, "matching type 3; want 0, 1 or 2"},
		{TLSPolicy{Need: NeedDANE, Records: []TLSA{{3, 1, 2, hash}}}, nil, "matching type 2 has 32 bytes of data; want the 64"},
		{TLSPolicy{Need: NeedDANE, Records: []TLSA{{3, 1, 1, hash[1:]}}}, nil, "31 bytes of data; want the 32"},
		{TLSPolicy{Need: NeedDANE, Records: []TLSA{{3, 0, 0, nil}}}, nil, "no data; want"},
		{TLSPolicy{Need: NeedWebPKI, Names: names}, mode(TLSNone), "contradicts TLS none; want TLSMandatory"},
		{TLSPolicy{Need: NeedDANE}, mode(TLSOpportunistic), "contradicts TLS opportunistic; want"},
		{TLSPolicy{Need: NeedDANE}, func(e *Endpoint) { e.Addr = "unix:///run/smtp.sock" }, "contradicts TLS none; want"},
		{TLSPolicy{Need: NeedOpportunistic}, mode(TLSMandatory), "contradicts TLS mandatory; want"},
		{TLSPolicy{Need: NeedOpportunistic}, func(e *Endpoint) { e.Addr = "mx.test:465" }, "contradicts TLS implicit; want"},
		{TLSPolicy{Need: NeedOpportunistic}, login, "proves nothing to a login; want"},
		{TLSPolicy{Need: NeedDANE}, login, "proves nothing to a login; want"},
		{TLSPolicy{Need: NeedMTASTS, Names: names}, func(e *Endpoint) { e.TLSConfig = &tls.Config{InsecureSkipVerify: true} }, "contradicts InsecureSkipVerify"},
	} {
		e := Endpoint{Name: "relay", Addr: "mx.test:25", TLSPolicy: test.policy}
		if test.change != nil {
			test.change(&e)
		}
		err := e.Validate()
		if got := fmt.Sprint(err); (err == nil) != (test.want == "") || err != nil && (!strings.Contains(got, test.want) || !strings.Contains(got, `endpoint "relay": TLSPolicy: `)) {
			t.Errorf("%v: got %v, want %q", test.policy, err, test.want)
		}
	}
}

// TestNamesAskedFor: the server is asked for the name of TLSConfig, else for the first that
// the policy allows, else for the host. With MTA-STS it is that of the host (RFC 8461 4.1).
func TestNamesAskedFor(t *testing.T) {
	own := &tls.Config{ServerName: "own.test"}
	for _, tt := range []struct {
		name   string
		config *tls.Config
		policy TLSPolicy
		want   string
	}{
		{"nothing", nil, TLSPolicy{}, "mx.test"},
		{"an empty TLSConfig", &tls.Config{}, TLSPolicy{}, "mx.test"},
		{"TLSConfig", own, TLSPolicy{}, "own.test"},
		{"TLSConfig and a policy", own, TLSPolicy{Need: NeedDANE, Names: []string{"A.test."}}, "own.test"},
		{"one name", nil, TLSPolicy{Need: NeedDANE, Names: []string{"A.test."}}, "a.test"},
		{"two names", nil, TLSPolicy{Need: NeedDANE, Names: []string{"a.test", "b.test"}}, "a.test"},
		{"no name", nil, TLSPolicy{Need: NeedDANE}, "mx.test"},
		{"MTA-STS", nil, TLSPolicy{Need: NeedMTASTS, Names: []string{"*.test"}}, "mx.test"},
	} {
		if got := (Endpoint{Addr: "mx.test:25", TLSConfig: tt.config, TLSPolicy: tt.policy}).serverName(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
