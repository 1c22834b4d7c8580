package pool_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

const canary = "c4nary/S3cret+of:length"

func withLogin(r *rig, user, secret string) {
	r.endpoint.Credentials = func(context.Context) (string, string, error) { return user, secret, nil }
}

func TestHELO(t *testing.T) {
	unknown := func() func(smtptest.Event) *smtptest.Fault {
		return smtptest.Rules(smtptest.Rule{Stage: smtptest.StageHelo, Times: 1, Fault: reply("502 5.5.1 unknown command")})
	}
	bubble(t, "is enough in clear text", func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: unknown()}, pool.Config{})
		defer r.close()
		j := newJob("a", "1@x.test")
		r.push(j.turn())
		r.open()
		if got := j.wait(t); fates(got) != "D" {
			t.Errorf("got %s", describe(got))
		}
		if p := r.server.Messages()[0].Params; len(p) != 0 {
			t.Errorf("got parameters %v, want none after HELO", p)
		}
	})
	bubble(t, "offers nothing, whatever it says", func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageHelo, Times: 1, Fault: reply("502 5.5.1 unknown command")},
			smtptest.Rule{Stage: smtptest.StageHelo, Fault: reply("250-mx.test\n250-SIZE 1\n250 8BITMIME")},
		)}, pool.Config{})
		defer r.close()
		j := newJob("a", "1@x.test")
		r.push(j.turn())
		r.open()
		if got := j.wait(t); fates(got) != "D" || len(r.server.Messages()[0].Params) != 0 {
			t.Errorf("got %s", describe(got))
		}
	})
	bubble(t, "is not when TLS is needed", func(t *testing.T) {
		r := newRig(t, smtptest.Config{StartTLS: true, Fault: unknown()}, pool.Config{})
		defer r.close()
		if e := asError(t, r.pool.Verify(never, r.endpoint)); e.Stage != classify.StageEHLO {
			t.Errorf("got %v", e)
		}
	})
}

func TestExtensionsAreReadAnyhow(t *testing.T) {
	bubble(t, "lower case", func(t *testing.T) {
		r := newRig(t, smtptest.Config{StartTLS: true, Users: map[string]string{"me": canary}, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageHelo, Fault: reply("250-mx.test\n250-starttls\n250-8bitmime\n250-size 1000\n250 auth plain")},
		)}, pool.Config{})
		defer r.close()
		withLogin(r, "me", canary)
		small, big := newJob("a", "1@x.test"), newBigJob("b", "1@x.test")
		small.Data = append(small.Data, "\xc3\xa4\r\n"...)
		r.push(small.turn(), big.turn())
		r.open()
		if got := small.wait(t); fates(got) != "D" {
			t.Fatalf("got %s, ends %v", describe(got), r.ended())
		}
		got := r.server.Messages()[0]
		if !got.TLS || got.User != "me" || strings.Join(got.Params, " ") != fmt.Sprintf("SIZE=%d BODY=8BITMIME", len(small.Data)) {
			t.Errorf("got TLS %v, user %q, parameters %v", got.TLS, got.User, got.Params)
		}
		if got := big.wait(t); fates(got) != "R" || got.Ordinal != 0 {
			t.Errorf("a message above SIZE: ordinal %d, %s", got.Ordinal, describe(got))
		}
	})
	bubble(t, "old AUTH=", func(t *testing.T) {
		r := newRig(t, smtptest.Config{StartTLS: true, Users: map[string]string{"me": canary}, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageHelo, Fault: reply("250-mx.test\n250-STARTTLS\n250 AUTH=LOGIN PLAIN")},
		)}, pool.Config{})
		defer r.close()
		withLogin(r, "me", canary)
		if err := r.pool.Verify(never, r.endpoint); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "second EHLO refused", func(t *testing.T) {
		ehlo := 0
		r := newRig(t, smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
			if ev.Stage == smtptest.StageHelo {
				if ehlo++; ehlo == 2 {
					return &smtptest.Fault{Reply: "503 5.5.1 duplicate EHLO"}
				}
			}
			return nil
		}}, pool.Config{})
		defer r.close()
		if err := r.pool.Verify(never, r.endpoint); err != nil {
			t.Error(err)
		}
	})
}

var tlsFailures = []struct {
	name   string
	config smtptest.Config
	change func(r *rig)
	check  func(err error) bool
	stage  classify.Stage
}{
	{"STARTTLS is not offered", smtptest.Config{},
		func(r *rig) { r.endpoint.TLS = pool.TLSMandatory },
		func(err error) bool { return errors.Is(err, pool.ErrNoTLS) }, classify.StageStartTLS},
	{"nor to an opportunist with a login", smtptest.Config{Users: map[string]string{"me": canary}},
		func(r *rig) { r.endpoint.TLS = pool.TLSOpportunistic; withLogin(r, "me", canary) },
		func(err error) bool { return errors.Is(err, pool.ErrNoTLS) }, classify.StageStartTLS},
	{"wrong name", smtptest.Config{StartTLS: true},
		func(r *rig) { r.endpoint.TLSConfig.ServerName = "other.test" },
		func(err error) bool { _, ok := errors.AsType[x509.HostnameError](err); return ok }, classify.StageStartTLS},
	{"unknown authority", smtptest.Config{StartTLS: true},
		func(r *rig) { r.endpoint.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool()} },
		func(err error) bool { _, ok := errors.AsType[x509.UnknownAuthorityError](err); return ok }, classify.StageStartTLS},
	{"unknown authority, implicit", smtptest.Config{ImplicitTLS: true},
		func(r *rig) { r.endpoint.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool()} },
		func(err error) bool { _, ok := errors.AsType[x509.UnknownAuthorityError](err); return ok }, classify.StageBanner},
	{"clear text behind STARTTLS", smtptest.Config{StartTLS: true, Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: raw("220 go\r\n250 injected\r\n", smtptest.Continue)})},
		func(r *rig) {},
		func(err error) bool { return errors.Is(err, pool.ErrInjected) && errors.Is(err, pool.ErrProtocol) }, classify.StageStartTLS},
	{"part of a line behind STARTTLS", smtptest.Config{StartTLS: true, Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: raw("220 go\r\n250", smtptest.Continue)})},
		func(r *rig) {},
		func(err error) bool { return errors.Is(err, pool.ErrInjected) }, classify.StageStartTLS},
	{"a single byte behind STARTTLS", smtptest.Config{StartTLS: true, Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: raw("220 go\r\n\n", smtptest.Continue)})},
		func(r *rig) {},
		func(err error) bool { return errors.Is(err, pool.ErrInjected) }, classify.StageStartTLS},
	{"the user's own VerifyConnection", smtptest.Config{StartTLS: true},
		func(r *rig) {
			r.endpoint.TLSConfig.VerifyConnection = func(tls.ConnectionState) error { return errNotMine }
		},
		func(err error) bool { return errors.Is(err, errNotMine) }, classify.StageStartTLS},
	{"the user's own time", smtptest.Config{StartTLS: true},
		func(r *rig) { r.endpoint.TLSConfig.Time = func() time.Time { return pool.FarAhead.AddDate(1, 0, 0) } },
		func(err error) bool {
			e, ok := errors.AsType[x509.CertificateInvalidError](err)
			return ok && e.Reason == x509.Expired
		}, classify.StageStartTLS},
	{"clear text on an implicit port", smtptest.Config{},
		func(r *rig) { r.endpoint.TLS = pool.TLSImplicit },
		func(err error) bool { _, ok := errors.AsType[tls.RecordHeaderError](err); return ok }, classify.StageBanner},
	{"TLS 1.1 server", smtptest.Config{StartTLS: true},
		func(r *rig) { r.endpoint.TLSConfig.MaxVersion = tls.VersionTLS11 },
		func(err error) bool { return err != nil }, classify.StageStartTLS},
	{"EHLO refused behind STARTTLS", smtptest.Config{StartTLS: true, Fault: func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageHelo && ev.TLS {
			return &smtptest.Fault{Reply: "450 4.3.2 not now"}
		}
		return nil
	}}, func(r *rig) {},
		func(err error) bool { _, ok := errors.AsType[*classify.Reply](err); return ok }, classify.StageEHLO},
}

var errNotMine = errors.New("not the server that I know")

func TestInvariant10TLS(t *testing.T) {
	for _, tt := range tlsFailures {
		bubble(t, tt.name, func(t *testing.T) {
			r := newRig(t, tt.config, pool.Config{})
			defer r.close()
			tt.change(r)
			asked := 0
			if give := r.endpoint.Credentials; give != nil {
				r.endpoint.Credentials = func(ctx context.Context) (string, string, error) { asked++; return give(ctx) }
			}
			err := r.pool.Verify(never, r.endpoint)
			if e := asError(t, err); e.Stage != tt.stage || !tt.check(err) {
				t.Errorf("got %v", err)
			}
			if asked > 0 {
				t.Error("credentials were asked for")
			}
			synctest.Wait()
			if st := r.server.Stats(); st.Open != 0 || st.Replies[235] != 0 {
				t.Errorf("got %d connections open, %d logins", st.Open, st.Replies[235])
			}
		})
	}
}

func TestOpportunisticTLS(t *testing.T) {
	tests := []struct {
		name   string
		config smtptest.Config
		tls    bool
	}{
		{"offered", smtptest.Config{StartTLS: true}, true},
		{"not offered", smtptest.Config{}, false},
		{"refused", smtptest.Config{StartTLS: true, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: reply("454 4.7.0 not now")})}, false},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			r := newRig(t, tt.config, pool.Config{})
			defer r.close()
			r.endpoint.TLS = pool.TLSOpportunistic
			j := newJob("a", "1@x.test")
			r.push(j.turn())
			r.open()
			if got := j.wait(t); fates(got) != "D" || r.server.Messages()[0].TLS != tt.tls {
				t.Errorf("got TLS %v: %s", !tt.tls, describe(got))
			}
		})
	}
}

// loginConfig is a relay as it should be.
var loginConfig = smtptest.Config{StartTLS: true, RequireTLS: true, RequireAuth: true, Users: map[string]string{"me": canary}}

func TestLogin(t *testing.T) {
	for _, auth := range []string{"", "AUTODISCOVER", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"} {
		bubble(t, "with "+auth, func(t *testing.T) {
			r := newRig(t, loginConfig, pool.Config{})
			defer r.close()
			withLogin(r, "me", canary)
			r.endpoint.Auth = mechanism(auth)
			j := newJob("a", "1@x.test")
			r.push(j.turn())
			r.open()
			if got := j.wait(t); fates(got) != "D" || r.server.Messages()[0].User != "me" {
				t.Errorf("got %s", describe(got))
			}
		})
	}
	bubble(t, "refused in part of a reply", func(t *testing.T) {
		config := loginConfig
		config.Fault = smtptest.Rules(smtptest.Rule{Stage: smtptest.StageAuth, Fault: raw("454-not now\r\n", smtptest.Close)})
		r := newRig(t, config, pool.Config{})
		defer r.close()
		withLogin(r, "me", canary)
		err := r.pool.Verify(never, r.endpoint)
		if refused, _ := errors.AsType[*classify.Reply](err); refused == nil || refused.Code != 454 {
			t.Errorf("got %v, want the 454", err)
		}
	})
	bubble(t, "in clear text to the loopback, if asked for", func(t *testing.T) {
		r := newRig(t, smtptest.Config{Users: map[string]string{"me": canary}}, pool.Config{})
		defer r.close()
		withLogin(r, "me", canary)
		r.endpoint.Addr = "127.0.0.1:25"
		if err := r.pool.Verify(never, r.endpoint); err != nil {
			t.Error(err)
		}
	})
}

// TestAllowInsecureLogin logs in at a server that is not local. Without the setting
// the secret is never told in clear text; with it, only where TLS is not demanded and
// the server does not begin it.
func TestAllowInsecureLogin(t *testing.T) {
	users := map[string]string{"me": canary}
	refusesTLS := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: reply("454 4.7.0 not now")})
	breaksTLS := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageHandshake, Fault: smtptest.Fault{End: smtptest.Close}})
	for _, tt := range []struct {
		name   string
		config smtptest.Config
		mode   pool.TLS
		allow  bool
		in     bool // whether it logs in
		clear  bool // whether in clear text
	}{
		{"clear text, not allowed", smtptest.Config{Users: users}, pool.TLSNone, false, false, false},
		{"clear text, allowed", smtptest.Config{Users: users}, pool.TLSNone, true, true, true},
		{"opportunistic, not offered, not allowed", smtptest.Config{Users: users}, pool.TLSOpportunistic, false, false, false},
		{"opportunistic, not offered, allowed", smtptest.Config{Users: users}, pool.TLSOpportunistic, true, true, true},
		{"opportunistic, refused, not allowed", smtptest.Config{Users: users, StartTLS: true, Fault: refusesTLS}, pool.TLSOpportunistic, false, false, false},
		{"opportunistic, refused, allowed", smtptest.Config{Users: users, StartTLS: true, Fault: refusesTLS}, pool.TLSOpportunistic, true, true, true},
		{"opportunistic, broken, allowed", smtptest.Config{Users: users, StartTLS: true, Fault: breaksTLS}, pool.TLSOpportunistic, true, false, false},
		{"opportunistic, offered, allowed", smtptest.Config{Users: users, StartTLS: true}, pool.TLSOpportunistic, true, true, false},
		{"mandatory, not offered, allowed", smtptest.Config{Users: users}, pool.TLSMandatory, true, false, false},
		{"mandatory, refused, allowed", smtptest.Config{Users: users, StartTLS: true, Fault: refusesTLS}, pool.TLSMandatory, true, false, false},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			r := newRig(t, tt.config, pool.Config{})
			defer r.close()
			withLogin(r, "me", canary)
			r.endpoint.Addr = "192.0.2.1:25"
			r.endpoint.TLS, r.endpoint.AllowInsecureLogin = tt.mode, tt.allow
			if r.endpoint.TLSConfig != nil {
				r.endpoint.TLSConfig.ServerName = "mx.test"
			}
			said := new(heardBytes)
			r.endpoint.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := r.server.DialContext(ctx, network, addr)
				return &eavesdropped{conn, said}, err
			}
			err := r.pool.Verify(never, r.endpoint, "a@client.test")
			if (err == nil) != tt.in {
				t.Errorf("got %v, want a login: %v", err, tt.in)
			}
			if tt.in && len(r.server.Times(smtptest.StageAuth)) == 0 {
				t.Error("nobody logged in")
			}
			if clear := strings.Contains(said.String(), "AUTH "); clear != tt.clear {
				t.Errorf("a login in clear text: %v, want %v", clear, tt.clear)
			}
		})
	}
}

// heardBytes holds the bytes written to connections.
type heardBytes struct{ strings.Builder }

// eavesdropped is a connection whose writes are noted.
type eavesdropped struct {
	net.Conn
	by *heardBytes
}

func (t *eavesdropped) Write(p []byte) (int, error) {
	t.by.Write(p)
	return t.Conn.Write(p)
}

func TestCredentials(t *testing.T) {
	bubble(t, "are asked every time", func(t *testing.T) {
		r := newRig(t, loginConfig, pool.Config{})
		defer r.close()
		asked := 0
		r.endpoint.Credentials = func(context.Context) (string, string, error) {
			asked++
			return "me", map[int]string{1: "expired-" + canary, 2: canary}[asked], nil
		}
		err := r.pool.Verify(never, r.endpoint)
		if refused, _ := errors.AsType[*classify.Reply](err); refused == nil || refused.Code != 535 {
			t.Errorf("got %v, want the 535", err)
		}
		if err := r.pool.Verify(never, r.endpoint); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "fail", func(t *testing.T) {
		r := newRig(t, loginConfig, pool.Config{})
		defer r.close()
		why := errors.New("vault is sealed")
		r.endpoint.Credentials = func(context.Context) (string, string, error) { return "", "", why }
		if err := r.pool.Verify(never, r.endpoint); asError(t, err).Stage != classify.StageAuth || !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
	})
	bubble(t, "are not asked when the mechanism is not offered", func(t *testing.T) {
		r := newRig(t, loginConfig, pool.Config{})
		defer r.close()
		withLogin(r, "me", canary)
		r.endpoint.Auth = "SCRAM-SHA-256"
		err := r.pool.Verify(never, r.endpoint)
		if asError(t, err).Stage != classify.StageAuth || !errors.Is(err, pool.ErrNoAuth) || !strings.Contains(err.Error(), "CRAM-MD5") {
			t.Errorf("got %v", err)
		}
	})
}

// TestInvariant10NoSecretIsTold lets the server echo the secret in every form
// and place, and looks for it in all that the pool says.
func TestInvariant10NoSecretIsTold(t *testing.T) {
	for _, echo := range echoes("me", canary) {
		for _, stage := range []smtptest.Stage{smtptest.StageAuth, smtptest.StageHelo, smtptest.StageMail, smtptest.StageDot, smtptest.StageQuit} {
			for _, say := range []string{"535 5.7.8 no: %s", "334 %s", "250 %s", "nonsense %s", "250-%s\r\n421 %[1]s"} {
				bubble(t, string(stage), func(t *testing.T) {
					r := newRig(t, smtptest.Config{StartTLS: true, Users: map[string]string{"me": canary},
						Fault: func(ev smtptest.Event) *smtptest.Fault {
							if ev.Stage != stage || stage == smtptest.StageHelo && ev.User == "" {
								return nil
							}
							return &smtptest.Fault{Raw: fmt.Sprintf(say, echo) + "\r\n"}
						}}, pool.Config{})
					defer r.close()
					withLogin(r, "me", canary)
					j := newJob("a", "1@x.test")
					r.push(j.lastTurn())
					r.open()
					time.Sleep(time.Hour)
					var told bytes.Buffer
					fmt.Fprintf(&told, "%v %+v %v", r.ended(), r.endpoint, r.replies)
					for len(j.report) > 0 {
						report := <-j.report
						fmt.Fprintf(&told, "%+v %s", report, describe(report))
					}
					if tells(told.String(), canary) {
						t.Errorf("%q with %q tells: %s", say, echo, told.Bytes())
					}
				})
			}
		}
	}
}

// endless is a peer that says a greeting, or nothing, and then never stops.
type endless struct {
	net.Conn
	greeting string
	read     int
}

func (c *endless) Read(p []byte) (int, error) {
	if c.greeting != "" {
		n := copy(p, c.greeting)
		c.greeting = c.greeting[n:]
		return n, nil
	}
	c.read += len(p)
	return copy(p, bytes.Repeat([]byte("2"), len(p))), nil
}

func (c *endless) Write(p []byte) (int, error)      { return len(p), nil }
func (c *endless) Close() error                     { return nil }
func (c *endless) SetDeadline(time.Time) error      { return nil }
func (c *endless) SetReadDeadline(time.Time) error  { return nil }
func (c *endless) SetWriteDeadline(time.Time) error { return nil }

func TestInvariant9EndlessRepliesAreBounded(t *testing.T) {
	tests := []struct {
		name, greeting string
		tls            pool.TLS
	}{
		{"banner", "", pool.TLSNone},
		{"many lines", strings.Repeat("220-x\r\n", 20_000), pool.TLSNone},
		{"EHLO", "220 mx\r\n", pool.TLSNone},
		{"EHLO of ours", "220 mx\r\n250 mx\r\n", pool.TLSNone},
		{"STARTTLS", "220 mx\r\n250-mx\r\n250 STARTTLS\r\n", pool.TLSMandatory},
		{"MAIL", "220 mx\r\n250 mx\r\n250 mx\r\n", pool.TLSNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn := &endless{greeting: tt.greeting}
			p, err := pool.New(pool.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			u := newQueued(newJob("a", "1@x.test").turn())
			err = p.Open(pool.Endpoint{
				Addr: "mx.test:25", TLS: tt.tls, HELO: "client.test",
				DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
			}, u)
			if err != nil {
				t.Fatal(err)
			}
			if err := <-u.closed; !errors.Is(err, pool.ErrProtocol) {
				t.Errorf("got %v, want ErrProtocol", err)
			}
			runtime.ReadMemStats(&after)
			if conn.read > 128<<10 {
				t.Errorf("read %d bytes, want at most 128 KiB", conn.read)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
				t.Errorf("allocated %d bytes, want at most 1 MiB", got)
			}
		})
	}
}

// TestNoFileIsLeft uses real sockets, which are closed whatever happened.
func TestNoFileIsLeft(t *testing.T) {
	const fds = "/proc/self/fd"
	if _, err := os.Stat(fds); err != nil {
		t.Skip("open files cannot be counted here")
	}
	count := func() int {
		entries, err := os.ReadDir(fds)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	p, err := pool.New(pool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	stages := []smtptest.Stage{"", smtptest.StageConnect, smtptest.StageHelo, smtptest.StageStartTLS, smtptest.StageAuth}
	before, after := 0, 0
	for round := range 3 {
		for _, stage := range stages {
			server := smtptest.NewServer(smtptest.Config{
				StartTLS: true, Users: map[string]string{"me": canary},
				Fault: smtptest.Rules(smtptest.Rule{Stage: stage, Fault: reply("421 4.3.2 closing")}),
			})
			for range 10 {
				err := p.Verify(t.Context(), pool.Endpoint{Addr: server.Addr, TLSConfig: server.ClientTLS(), HELO: "client.test",
					Credentials: func(context.Context) (string, string, error) { return "me", canary, nil }})
				if err == nil {
					t.Errorf("stage %q: no error", stage)
				}
			}
			server.Close()
		}
		if after = count(); round == 0 {
			before = after
		}
	}
	if after > before {
		t.Errorf("got %d open files, %d before", after, before)
	}
}

func TestDialedConnectionIsClosedWhenItComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		ctx, cancel := context.WithCancel(t.Context())
		r.endpoint.DialContext = func(context.Context, string, string) (net.Conn, error) {
			cancel()
			return r.server.DialContext(never, "", "")
		}
		if err := r.pool.Verify(ctx, r.endpoint); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if got := r.server.Stats().Open; got != 0 {
			t.Errorf("got %d connections open", got)
		}
	})
}
