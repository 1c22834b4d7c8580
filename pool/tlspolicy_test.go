package pool_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// TestTLSPolicyIsObeyed has servers with right, wrong, expired and self-signed chains,
// and ones without TLS, prove what each policy needs.
func TestTLSPolicyIsObeyed(t *testing.T) {
	root := pool.NewAuthority(t)
	middle := root.Authority(t)
	self := (*pool.Issuer)(nil).Server(t, pool.FarAhead, "mx.test")
	right := middle.Server(t, pool.FarAhead, "mx.test")
	with := func(s *pool.Issuer, above ...*pool.Issuer) smtptest.Config {
		return smtptest.Config{StartTLS: true, TLSConfig: s.Config(above...)}
	}
	implicit := with(right, middle)
	implicit.StartTLS, implicit.ImplicitTLS = false, true
	old := with(right, middle)
	old.TLSConfig.MaxVersion = tls.VersionTLS10
	stripped := with(right, middle)
	stripped.Fault = smtptest.Rules(smtptest.Rule{Stage: smtptest.StageHelo, Fault: smtptest.Fault{Reply: "250 mx.test"}})
	refusing := with(right, middle)
	refusing.Fault = smtptest.Rules(smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: smtptest.Fault{Reply: "454 4.7.0 not now"}})
	noEHLO := with(right, middle)
	noEHLO.Fault = func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageHelo && strings.HasPrefix(ev.Line, "EHLO") {
			return &smtptest.Fault{Reply: "502 5.5.1 unknown"}
		}
		return nil
	}
	servers := []struct {
		name   string
		config smtptest.Config
	}{
		{"right", with(right, middle)}, {"implicit", implicit}, {"wrong", with(middle.Server(t, pool.FarAhead, "other.test"), middle)},
		{"expired", with(middle.Server(t, pool.Expired, "mx.test"), middle)}, {"self", with(self)},
		{"old", old}, {"stripped", stripped}, {"refusing", refusing}, {"no EHLO", noEHLO},
	}
	names := []string{"mx.test"}
	record := func(usage uint8, of *pool.Issuer) pool.TLSPolicy {
		r := pool.TLSA{Usage: usage, Selector: 1, Data: of.Cert.RawSubjectPublicKeyInfo}
		return pool.TLSPolicy{Need: pool.NeedDANE, Names: names, Records: []pool.TLSA{r}}
	}
	for _, test := range []struct {
		name   string
		policy pool.TLSPolicy
		want   string // what each server proves, in order; "-" is a failure
	}{
		{"default", pool.TLSPolicy{}, "webpki webpki - - - - - - -"},
		{"webpki", pool.TLSPolicy{Need: pool.NeedWebPKI, Names: names}, "webpki webpki - - - - - - -"},
		{"webpki of either", pool.TLSPolicy{Need: pool.NeedWebPKI, Names: []string{"other.test", "mx.test"}}, "webpki webpki webpki - - - - - -"},
		{"mta-sts", pool.TLSPolicy{Need: pool.NeedMTASTS, Names: []string{"*.test"}}, "mta-sts mta-sts - - - - - - -"},
		{"mta-sts of another", pool.TLSPolicy{Need: pool.NeedMTASTS, Names: []string{"*.mx.test"}}, "- - - - - - - - -"},
		{"dane-ee", record(3, right), "dane dane - - - - - - -"},
		{"dane-ee of self", record(3, self), "- - - - dane - - - -"},
		{"dane-ta", record(2, middle), "dane dane - - - - - - -"},
		{"dane without records", pool.TLSPolicy{Need: pool.NeedDANE}, "none none none none none - - - -"},
	} {
		want := strings.Fields(test.want)
		for i, server := range servers {
			bubble(t, test.name+"/"+server.name, func(t *testing.T) {
				r := newRig(t, server.config, pool.Config{})
				defer r.close()
				r.endpoint.TLSConfig = &tls.Config{RootCAs: root.Pool(), CurvePreferences: []tls.CurveID{tls.X25519}}
				r.endpoint.TLSPolicy = test.policy
				if server.name == "implicit" {
					r.endpoint.TLS = pool.TLSImplicit
				}
				provesOnly(t, r, want[i], test.policy.Need != 0)
			})
		}
	}
}

// provesOnly opens a connection with a message, which goes only where the server proves
// what is wanted.
func provesOnly(t *testing.T, r *rig, want string, policy bool) {
	t.Helper()
	r.push(newJob("a", "a@mx.test").lastTurn())
	r.open()
	synctest.Wait()
	time.Sleep(time.Minute)
	synctest.Wait()
	if want != "-" {
		for c := range r.conns {
			if by := c.Security(); by.Proved != want || by.TLS == "" || by.Fallback != nil {
				t.Errorf("got %+v, want %s", by, want)
			}
		}
		if len(r.conns) != 1 || r.server.Stats().Messages != 1 {
			t.Errorf("%d messages went, over %d connections: %v", r.server.Stats().Messages, len(r.conns), r.ended())
		}
		return
	}
	if got := r.server.Transactions(); len(got) != 0 || len(r.server.Times(smtptest.StageMail)) != 0 {
		t.Errorf("mail went: %v", got)
	}
	ends := r.ended()
	if len(ends) != 1 || ends[0] == nil {
		t.Fatalf("got %v, want one failure", ends)
	}
	e := asError(t, ends[0])
	if policy && errors.Is(e, pool.ErrTLSProof) && (e.Stage != classify.StageStartTLS && r.endpoint.TLS != pool.TLSImplicit || e.Verdict.Class != classify.ClassTLS) {
		t.Errorf("got %v at %v, class %v", e, e.Stage, e.Verdict.Class)
	}
	if e.Verdict.Recipient != classify.RecipientLater {
		t.Errorf("it refuses mail: %v", e)
	}
}

// TestTLSProofFailure tells what is missing, and keeps its cause.
func TestTLSProofFailure(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  smtptest.Fault
		stage  smtptest.Stage
		policy pool.TLSPolicy
		is     func(error) bool
		want   string
	}{
		{"stripped", smtptest.Fault{Reply: "250 mx.test"}, smtptest.StageHelo, pool.TLSPolicy{Need: pool.NeedDANE},
			func(err error) bool { return errors.Is(err, pool.ErrNoTLS) }, "(dane): pool: STARTTLS is not offered"},
		{"refused", smtptest.Fault{Reply: "554 5.7.0 no"}, smtptest.StageStartTLS, pool.TLSPolicy{Need: pool.NeedDANE},
			func(err error) bool { r, ok := errors.AsType[*classify.Reply](err); return ok && r.Code == 554 }, "(dane): 554"},
		{"another name", smtptest.Fault{}, smtptest.StageIdle, pool.TLSPolicy{Need: pool.NeedWebPKI, Names: []string{"partner.test"}},
			func(err error) bool { _, ok := errors.AsType[x509.HostnameError](err); return ok }, "partner.test"},
		{"another key", smtptest.Fault{}, smtptest.StageIdle, pool.TLSPolicy{Need: pool.NeedDANE, Records: []pool.TLSA{{Usage: 3, Data: []byte{1}}}},
			func(err error) bool { _, ok := errors.AsType[*tls.CertificateVerificationError](err); return ok }, "none of 1 TLSA records matches"},
		{"not on the list", smtptest.Fault{}, smtptest.StageIdle, pool.TLSPolicy{Need: pool.NeedMTASTS, Names: []string{"*.partner.test"}},
			func(error) bool { return true }, `host "mx.test" matches none of the policy's MX patterns ["*.partner.test"]`},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{StartTLS: true, Fault: smtptest.Rules(smtptest.Rule{Stage: test.stage, Fault: test.fault})}, pool.Config{})
			defer r.close()
			r.endpoint.TLSPolicy = test.policy
			e := asError(t, r.pool.Verify(never, r.endpoint))
			if !errors.Is(e, pool.ErrTLSProof) || !test.is(e) || e.Stage != classify.StageStartTLS || e.Verdict.Class != classify.ClassTLS || !strings.Contains(e.Error(), test.want) {
				t.Errorf("got %v at %v, class %v", e, e.Stage, e.Verdict.Class)
			}
			if dials := r.server.Stats().Connections; test.name == "not on the list" && dials != 0 {
				t.Errorf("%d connections to a host that is not listed", dials)
			}
		})
	}
}

// TestOpportunisticPolicyTakesAnyCertificate, and goes in clear text at last.
func TestOpportunisticPolicyTakesAnyCertificate(t *testing.T) {
	bubble(t, "any certificate", func(t *testing.T) {
		r := newRig(t, smtptest.Config{StartTLS: true}, pool.Config{})
		defer r.close()
		r.endpoint.TLS, r.endpoint.TLSConfig, r.endpoint.TLSPolicy = 0, nil, pool.TLSPolicy{Need: pool.NeedOpportunistic}
		provesOnly(t, r, "none", true)
	})
	bubble(t, "no TLS", func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		r.endpoint.TLS, r.endpoint.TLSPolicy = 0, pool.TLSPolicy{Need: pool.NeedOpportunistic}
		if err := r.pool.Verify(never, r.endpoint); err != nil {
			t.Error(err)
		}
	})
}

// TestPolicyNeverLeavesTLS takes away what a hello of today needs. A connection that
// must prove something offers less for the key exchange, and nothing less beyond.
func TestPolicyNeverLeavesTLS(t *testing.T) {
	policy := pool.TLSPolicy{Need: pool.NeedWebPKI, Names: []string{"mx.test"}}
	bubble(t, "every handshake breaks off", func(t *testing.T) {
		broken := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageHandshake, Fault: smtptest.Fault{End: smtptest.Close}})
		r := newRig(t, smtptest.Config{StartTLS: true, Fault: broken}, pool.Config{})
		defer r.close()
		r.endpoint.TLSPolicy = policy
		for range 200 {
			if r.pool.Verify(never, r.endpoint) == nil {
				t.Fatal("a session came about without TLS")
			}
			time.Sleep(10 * time.Second)
		}
		if got := r.server.Stats().Connections; got > 400 {
			t.Errorf("%d connections for 200 sessions, want two each", got)
		}
	})
	bubble(t, "no long hello", func(t *testing.T) {
		var hellos [][]tls.CurveID
		server := pool.NewAuthority(t)
		leaf := server.Server(t, pool.FarAhead, "mx.test").Config()
		leaf.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			hellos = append(hellos, hello.SupportedCurves)
			if len(hello.SupportedCurves) > 3 {
				hello.Conn.Close()
				return nil, errors.New("hello is too long")
			}
			return nil, nil
		}
		r := newRig(t, smtptest.Config{StartTLS: true, TLSConfig: leaf}, pool.Config{})
		defer r.close()
		r.endpoint.TLSConfig, r.endpoint.TLSPolicy = &tls.Config{RootCAs: server.Pool()}, policy
		for range 2 {
			if err := r.pool.Verify(never, r.endpoint); err != nil {
				t.Error(err)
			}
		}
		if len(hellos) != 3 {
			t.Errorf("got hellos %v, want a long one and two short ones", hellos)
		}
	})
}

// TestInsecureSkipVerifyIsSetOnce holds the rule of SECURITY.md.
func TestInsecureSkipVerifyIsSetOnce(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					for _, left := range n.Lhs {
						if s, ok := left.(*ast.SelectorExpr); ok && s.Sel.Name == "InsecureSkipVerify" {
							places = append(places, decl.(*ast.FuncDecl).Name.Name)
						}
					}
				case *ast.KeyValueExpr:
					if k, ok := n.Key.(*ast.Ident); ok && k.Name == "InsecureSkipVerify" {
						places = append(places, entry.Name())
					}
				}
				return true
			})
		}
	}
	if len(places) != 1 || places[0] != "tlsConfig" {
		t.Errorf("InsecureSkipVerify is set in %v, want tlsConfig alone", places)
	}
}
