package smtpace_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/internal/mtatest"
	"github.com/smtpace/smtpace/pool"
	"github.com/wneessen/go-mail"
)

// TestEximWantsALogin logs in to a real Exim by each mechanism that it offers, and
// is refused by it with a wrong password and without a login.
func TestEximWantsALogin(t *testing.T) {
	t.Parallel()
	server := mtatest.Start(t, mtatest.Exim, mtatest.Config{TLS: true, Users: map[string]string{"ann": "correct0horse", "bob": "battery1"}})
	for _, test := range []struct {
		name, user, secret string
		auth               mail.SMTPAuthType
		mode               pool.TLS
		insecure           bool
		refused            string // in the error; "" means that the login works
	}{
		{name: "the best", user: "ann", secret: "correct0horse"},
		{name: "another user", user: "bob", secret: "battery1"},
		{name: "PLAIN", user: "ann", secret: "correct0horse", auth: mail.SMTPAuthPlain},
		{name: "LOGIN", user: "ann", secret: "correct0horse", auth: mail.SMTPAuthLogin},
		{name: "CRAM-MD5 in clear text", user: "ann", secret: "correct0horse", mode: pool.TLSNone, insecure: true},
		{name: "PLAIN in clear text", user: "ann", secret: "correct0horse", auth: mail.SMTPAuthPlain, mode: pool.TLSNone, insecure: true, refused: "offered: \"CRAM-MD5\""},
		{name: "wrong secret by CRAM-MD5", user: "ann", secret: "battery1", refused: "535"},
		{name: "wrong secret by PLAIN", user: "ann", secret: "battery1", auth: mail.SMTPAuthPlain, refused: "535"},
		{name: "wrong secret by LOGIN", user: "ann", secret: "battery1", auth: mail.SMTPAuthLogin, refused: "535"},
		{name: "unknown user", user: "eve", secret: "battery1", auth: mail.SMTPAuthPlain, refused: "535"},
		{name: "no login", refused: "log in first"},
	} {
		t.Run(test.name, func(t *testing.T) {
			relay := smtpace.Relay{Addr: server.Addr, HELO: "client.test", TLS: test.mode, TLSConfig: server.ClientTLS(), Auth: test.auth, AllowInsecureLogin: test.insecure}
			if test.user != "" {
				relay.Credentials = func(context.Context) (string, string, error) { return test.user, test.secret, nil }
			}
			sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{relay}})
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			m := heloMessage()
			if test.refused != "" {
				m.Expiry = 3 * time.Second // Exim answers a wrong password after a while
			}
			result, err := sender.Send(ctx, m)
			switch {
			case test.refused == "" && err != nil:
				t.Errorf("got %+v, %v, want all delivered", result, err)
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("got %v, want an error with %q", err, test.refused)
			case test.refused != "" && result.Recipients[0].Status == smtpace.Refused:
				t.Errorf("got %+v: a login that fails refuses nobody", result)
			case test.secret != "" && err != nil && strings.Contains(err.Error(), test.secret):
				t.Errorf("%v tells the secret", err)
			}
		})
	}
}
