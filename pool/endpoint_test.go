package pool

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"

	"github.com/wneessen/go-mail"
)

func noCredentials(context.Context) (string, string, error) { return "", "", nil }

func ownMechanism(context.Context) (SASL, error) { return nil, nil }

func TestEndpointValidate(t *testing.T) {
	tests := []struct {
		name string
		e    Endpoint
		want string // in the error; "": none
	}{
		{"address alone", Endpoint{Addr: "mx.test:25"}, ""},
		{"IPv6", Endpoint{Addr: "[::1]:25"}, ""},
		{"everything", Endpoint{Name: "a", Addr: "mx.test:587", TLS: TLSMandatory, Auth: mail.SMTPAuthPlain, Credentials: noCredentials, HELO: "me.test"}, ""},
		{"clear login to localhost", Endpoint{Addr: "localhost:25", TLS: TLSNone, Credentials: noCredentials}, ""},
		{"clear login to ::1", Endpoint{Addr: "[::1]:25", TLS: TLSNone, Credentials: noCredentials}, ""},
		{"opportunist with a login", Endpoint{Addr: "mx.test:25", TLS: TLSOpportunistic, Credentials: noCredentials}, ""},

		{"SASL", Endpoint{Addr: "mx.test:25", SASL: ownMechanism}, ""},
		{"EXTERNAL without credentials", Endpoint{Addr: "mx.test:25", Auth: AuthExternal}, ""},
		{"clear login to a Unix socket", Endpoint{Addr: "unix:///run/smtp.sock", Credentials: noCredentials}, ""},
		{"clear login that is allowed", Endpoint{Addr: "mx.test:25", TLS: TLSNone, Credentials: noCredentials, AllowInsecureLogin: true}, ""},
		{"clear login by SASL", Endpoint{Addr: "mx.test:25", TLS: TLSNone, SASL: ownMechanism}, "loopback"},
		{"clear login by EXTERNAL", Endpoint{Addr: "mx.test:25", TLS: TLSNone, Auth: AuthExternal}, "loopback"},
		{"clear text without a login", Endpoint{Addr: "mx.test:25", TLS: TLSNone}, ""},
		{"the last TLS mode", Endpoint{Addr: "localhost:25", TLS: TLSNone}, ""},
		{"the first that is none", Endpoint{Addr: "localhost:25", TLS: TLSNone + 1}, "TLS mode"},
		{"SASL and Auth", Endpoint{Addr: "mx.test:25", SASL: ownMechanism, Auth: mail.SMTPAuthPlain}, "must not be set"},
		{"SASL and Credentials", Endpoint{Addr: "mx.test:25", SASL: ownMechanism, Credentials: noCredentials}, "must not be set"},
		{"extensions that can be omitted", Endpoint{Addr: "mx.test:25", Omit: []string{"pipelining", "SIZE", "8bitmime", "SMTPUTF8", "DSN", "Limits"}}, ""},

		{"name with a dot at its end", Endpoint{Addr: "mx.test.:25"}, ""},
		{"IPv6 with a zone", Endpoint{Addr: "[fe80::1%eth0]:25"}, ""},
		{"user in the address", Endpoint{Addr: "me@mx.test:25"}, "host must be"},
		{"path in the address", Endpoint{Addr: "//mx.test:25"}, "host must be"},
		{"empty label", Endpoint{Addr: "mx..test:25"}, "host must be"},
		{"empty first label", Endpoint{Addr: ".test:25"}, "host must be"},
		{"empty", Endpoint{}, "host:port"},
		{"no port", Endpoint{Addr: "mx.test"}, "host:port"},
		{"empty port", Endpoint{Addr: "mx.test:"}, "host:port"},
		{"port 0", Endpoint{Addr: "mx.test:0"}, "host:port"},
		{"port too great", Endpoint{Addr: "mx.test:65536"}, "host:port"},
		{"unknown service", Endpoint{Addr: "mx.test:no-such-service"}, "not known"},
		{"no host", Endpoint{Addr: ":25"}, "host:port"},
		{"line end in host", Endpoint{Addr: "mx\r\n.test:25"}, "control character"},
		{"line end in HELO", Endpoint{Addr: "mx.test:25", HELO: "me\r\nRSET"}, "HELO"},
		{"space in HELO", Endpoint{Addr: "mx.test:25", HELO: "me you"}, "HELO"},
		{"line end in Name", Endpoint{Name: "a\nb", Addr: "mx.test:25"}, "Name contains"},
		{"escape in Name", Endpoint{Name: "\x1b", Addr: "mx.test:25"}, "Name contains"},
		{"mark of direction in Name", Endpoint{Name: "a\u202eb", Addr: "mx.test:25"}, "Name contains"},
		{"not UTF-8 in Name", Endpoint{Name: "a\xff", Addr: "mx.test:25"}, "Name contains"},
		{"blank and letters in Name", Endpoint{Name: "MX 1, Zürich", Addr: "mx.test:25"}, ""},
		{"NUL in HELO", Endpoint{Addr: "mx.test:25", HELO: "me\x00"}, "HELO"},
		{"TLS mode", Endpoint{Addr: "mx.test:25", TLS: 9}, "TLS mode 9"},
		{"login over clear text", Endpoint{Addr: "mx.test:25", TLS: TLSNone, Credentials: noCredentials}, "loopback"},
		{"mechanism without login", Endpoint{Addr: "mx.test:25", Auth: mail.SMTPAuthPlain}, "Credentials"},
		{"unsafe mechanism", Endpoint{Addr: "mx.test:25", Auth: mail.SMTPAuthPlainNoEnc, Credentials: noCredentials}, "PLAIN-NOENC"},
		{"custom mechanism", Endpoint{Addr: "mx.test:25", Auth: mail.SMTPAuthCustom, Credentials: noCredentials}, "CUSTOM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.e.Validate()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	err := Endpoint{TLS: 9, HELO: "a b"}.Validate()
	for _, want := range []string{"host:port", "HELO", "TLS mode"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want all mistakes, also %s", err, want)
		}
	}
}

func TestEndpointMode(t *testing.T) {
	for addr, want := range map[string]TLS{"mx.test:25": TLSMandatory, "mx.test:465": TLSImplicit, "mx.test:587": TLSMandatory} {
		if got := (Endpoint{Addr: addr}).mode(); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
	if got := (Endpoint{Addr: "mx.test:465", TLS: TLSMandatory}).mode(); got != TLSMandatory {
		t.Errorf("got %s, want what was asked for", got)
	}
}

func TestEndpointTLSConfig(t *testing.T) {
	given := &tls.Config{MinVersion: tls.VersionTLS10, ServerName: "other.test"}
	got := Endpoint{Addr: "mx.test:25", TLSConfig: given}.tlsConfig(nil)
	if got.MinVersion != tls.VersionTLS10 || got.ServerName != "other.test" || given.MinVersion != tls.VersionTLS10 {
		t.Errorf("got version %x, name %q; the original has %x", got.MinVersion, got.ServerName, given.MinVersion)
	}
	got = Endpoint{Addr: "mx.test:25"}.tlsConfig(nil)
	if got.ServerName != "mx.test" || got.InsecureSkipVerify || got.MinVersion != tls.VersionTLS12 {
		t.Errorf("got name %q, insecure %v, version %x", got.ServerName, got.InsecureSkipVerify, got.MinVersion)
	}
}
