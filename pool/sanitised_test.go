package pool_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// forged is a text that an attacker wants to see on a terminal.
const forged = "\x1b]0;PWNED\a\x1b[2J\r\n{\"delivered\":2}\r\n\x1b[8m"

// namedCertificate returns a certificate for a name that no host has.
func namedCertificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), DNSNames: []string{name}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// isTidy reports whether a text is one printable line of at most 1 KiB.
func isTidy(s string) bool {
	return len(s) <= 1024 && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}

// TestCertificateTextIsPrintable: crypto/x509 quotes the names of a certificate in its
// errors, and anybody in between can present one.
func TestCertificateTextIsPrintable(t *testing.T) {
	for _, name := range []string{forged, "other.test", strings.Repeat("long.", 5000) + "test"} {
		certificate := namedCertificate(t, name)
		for _, implicit := range []bool{false, true} {
			bubble(t, fmt.Sprintf("%.10q, implicit %v", name, implicit), func(t *testing.T) {
				r := newRig(t, smtptest.Config{StartTLS: !implicit, ImplicitTLS: implicit,
					TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}, pool.Config{})
				defer r.close()
				e := asError(t, r.pool.Verify(never, r.endpoint))
				if !isTidy(e.Err.Error()) || strings.ContainsFunc(e.Error(), unicode.IsControl) {
					t.Errorf("got %q", e.Error())
				}
				if _, ok := errors.AsType[x509.HostnameError](e); !ok || e.Verdict.Class != classify.ClassTLS {
					t.Errorf("got %v, class %v: the error has lost its type", e, e.Verdict.Class)
				}
			})
		}
	}
}

// TestTextsAreTidy lets the server say at every stage what no terminal should see.
func TestTextsAreTidy(t *testing.T) {
	stages := []smtptest.Stage{smtptest.StageConnect, smtptest.StageHelo, smtptest.StageStartTLS, smtptest.StageAuth, smtptest.StageMail,
		smtptest.StageRcpt, smtptest.StageData, smtptest.StageBody, smtptest.StageDot, smtptest.StageRset, smtptest.StageIdle, smtptest.StageQuit}
	for _, stage := range stages {
		for _, code := range []string{"", "250 ", "334 ", "450 ", "421-", "550-"} {
			bubble(t, fmt.Sprintf("%s/%s", stage, code), func(t *testing.T) {
				config := loginConfig
				config.Fault = smtptest.Rules(smtptest.Rule{Stage: stage, Conn: 1, Fault: raw(code+forged+strings.Repeat("\u202exyz", 1000)+"\r\n", smtptest.Close)})
				r := newRig(t, config, pool.Config{})
				defer r.close()
				withLogin(r, "me", canary)
				j := newJob("a", "1@x.test", "2@x.test")
				r.push(j.turn())
				r.open()
				time.Sleep(time.Hour)
				var said []string
				for _, err := range r.ended() {
					said = append(said, fmt.Sprint(err))
				}
				for len(j.report) > 0 {
					for _, a := range (<-j.report).Recipients {
						said = append(said, fmt.Sprint(a.Err))
						if a.Reply != nil {
							said = append(said, a.Reply.Error())
						}
					}
				}
				for _, s := range append(said, r.replies...) {
					if !isTidy(s[:min(len(s), 1024)]) || len(s) > 1100 {
						t.Errorf("got %q", s)
					}
				}
			})
		}
	}
}

// TestSecretThatIsAWord: a password must not change what a reply means, and is told to
// nobody all the same.
func TestSecretThatIsAWord(t *testing.T) {
	for _, secret := range []string{"connections", "many", "too many", "unrelated"} {
		for _, stage := range []smtptest.Stage{smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot, smtptest.StageIdle} {
			bubble(t, secret+"/"+string(stage), func(t *testing.T) {
				config := loginConfig
				config.Users = map[string]string{"me": secret}
				fault := smtptest.Fault{Reply: "421 4.7.0 too many connections from your host", End: smtptest.Close}
				if stage == smtptest.StageIdle {
					fault.Delay = time.Second
				}
				config.Fault = smtptest.Rules(smtptest.Rule{Stage: stage, Fault: fault})
				r := newRig(t, config, pool.Config{})
				defer r.close()
				withLogin(r, "me", secret)
				j := newJob("a", "1@x.test")
				if stage != smtptest.StageIdle {
					r.push(j.turn())
				}
				r.open()
				time.Sleep(time.Hour)
				e := asError(t, r.ended()[0])
				if e.Verdict.Limit != classify.LimitConnections {
					t.Errorf("the connection: got limit %v of %v", e.Verdict.Limit, e)
				}
				if strings.Contains(e.Error(), secret) {
					t.Errorf("got %v", e)
				}
				if stage == smtptest.StageIdle {
					return
				}
				a := j.wait(t).Recipients[0]
				if a.Verdict.Limit != classify.LimitConnections {
					t.Errorf("got limit %v of %v", a.Verdict.Limit, a.Err)
				}
				if strings.Contains(a.Err.Error()+a.Reply.Error(), secret) {
					t.Errorf("got %v", a.Err)
				}
			})
		}
	}
}

// TestErrorsOfConnectionsAreTidy: a connection may be the user's own.
func TestErrorsOfConnectionsAreTidy(t *testing.T) {
	why := errors.New("tunnel: " + forged)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		r.tap(func(conn net.Conn, p []byte) (int, error) {
			if strings.HasPrefix(string(p), "MAIL") {
				return 0, why
			}
			return conn.Write(p)
		})
		j := newJob("a", "1@x.test")
		r.push(j.turn())
		r.open()
		if a := j.wait(t).Recipients[0]; !errors.Is(a.Err, why) || !isTidy(a.Err.Error()) {
			t.Errorf("got %q", a.Err)
		}
	})
}
