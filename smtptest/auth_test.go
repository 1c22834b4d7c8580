package smtptest

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/smtp"
	"strings"
	"testing"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestAuthDialogues(t *testing.T) {
	mac := hmac.New(md5.New, []byte("secret"))
	mac.Write([]byte("<1.0@mx.test>"))
	digest := hex.EncodeToString(mac.Sum(nil))
	const hello = "< 220\n> EHLO c\n< 250\n"
	tests := []struct {
		name   string
		script string
		user   string
	}{
		{"PLAIN", "> AUTH PLAIN " + b64("\x00user\x00secret") + "\n< 235 2.7.0", "user"},
		{"plain, in two steps", "> auth plain\n< 334 \n> " + b64("\x00user\x00secret") + "\n< 235", "user"},
		{"PLAIN with a wrong secret", "> AUTH PLAIN " + b64("\x00user\x00wrong") + "\n< 535 5.7.8", ""},
		{"PLAIN with an unknown user", "> AUTH PLAIN " + b64("\x00nobody\x00") + "\n< 535 5.7.8", ""},
		{"PLAIN without NULs", "> AUTH PLAIN " + b64("user") + "\n< 535", ""},
		{"PLAIN with nothing", "> AUTH PLAIN =\n< 535", ""},
		{"LOGIN", "> AUTH LOGIN\n< 334 " + b64("Username:") + "\n> " + b64("user") + "\n< 334 " + b64("Password:") + "\n> " + b64("secret") + "\n< 235", "user"},
		{"LOGIN with the user at once", "> AUTH LOGIN " + b64("user") + "\n< 334 " + b64("Password:") + "\n> " + b64("secret") + "\n< 235", "user"},
		{"LOGIN with a wrong secret", "> AUTH LOGIN " + b64("user") + "\n< 334\n> " + b64("wrong") + "\n< 535", ""},
		{"CRAM-MD5", "> AUTH CRAM-MD5\n< 334 " + b64("<1.0@mx.test>") + "\n> " + b64("user "+digest) + "\n< 235", "user"},
		{"CRAM-MD5 with a wrong digest", "> AUTH CRAM-MD5\n< 334\n> " + b64("user 00") + "\n< 535", ""},
		{"XOAUTH2", "> AUTH XOAUTH2 " + b64("user=user\x01auth=Bearer secret\x01\x01") + "\n< 235", "user"},
		{"XOAUTH2 with a wrong token", "> AUTH XOAUTH2 " + b64("user=user\x01auth=Bearer old\x01\x01") + "\n< 334 eyJ\n> \n< 535", ""},
		{"not base64", "> AUTH PLAIN ???\n< 501 5.5.2", ""},
		{"cancelled", "> AUTH LOGIN\n< 334\n> *\n< 501", ""},
		{"unknown mechanism", "> AUTH NTLM\n< 504", ""},
		{"no mechanism", "> AUTH\n< 501", ""},
		{"within a group", "> AUTH LOGIN|NOOP\n< 503 5.5.0\n< 250", ""},
		{"twice", "> AUTH PLAIN " + b64("\x00user\x00secret") + "\n< 235\n> AUTH PLAIN x\n< 503 5.5.1", "user"},
		{"within a transaction", "> MAIL FROM:<>\n< 250\n> AUTH LOGIN\n< 503 5.5.1", ""},
		{"the client goes away", "> AUTH LOGIN\n< 334\nhangup", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, Config{Users: map[string]string{"user": "secret"}}, func(t *testing.T, srv *Server) {
				script := hello + tt.script
				if !strings.Contains(tt.script, "hangup") {
					script += "\n> RSET\n< 250\n> MAIL FROM:<>\n< 250"
				}
				play(t, srv, script)
				srv.Close()
				for _, m := range srv.Transactions() {
					if m.Message == len(srv.Transactions()) && m.User != tt.user {
						t.Errorf("logged in as %q, want %q", m.User, tt.user)
					}
				}
			})
		})
	}
}

func TestAuthBeforeEHLOOrWithoutLogins(t *testing.T) {
	inBubble(t, Config{Users: map[string]string{}}, func(t *testing.T, srv *Server) {
		play(t, srv, "< 220\n> AUTH LOGIN\n< 503 5.5.1 Error: send HELO/EHLO first")
	})
	inBubble(t, Config{}, func(t *testing.T, srv *Server) {
		play(t, srv, "< 220\n> EHLO c\n< 250\n> AUTH LOGIN\n< 503 5.5.1 Error: authentication not enabled")
	})
}

func TestFaultAtAuthSeesTheUser(t *testing.T) {
	var seen Event
	cfg := Config{Users: map[string]string{"u": "p"}, Fault: func(ev Event) *Fault {
		if ev.Stage != StageAuth {
			return nil
		}
		seen = ev
		return &Fault{Reply: "535 5.7.8 " + ev.Line}
	}}
	inBubble(t, cfg, func(t *testing.T, srv *Server) {
		line := "AUTH PLAIN " + b64("\x00u\x00p")
		play(t, srv, "< 220\n> EHLO c\n< 250\n> "+line+"\n< 535 5.7.8 "+line)
		if seen.User != "u" || seen.Line != line || seen.HELO != "c" || seen.TLS {
			t.Errorf("got %+v", seen)
		}
	})
}

func TestTLS(t *testing.T) {
	client := func(t *testing.T, srv *Server, cfg *tls.Config, implicit bool) error {
		conn, err := srv.DialContext(t.Context(), "tcp", srv.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if implicit {
			conn = tls.Client(conn, cfg)
		}
		c, err := smtp.NewClient(conn, "mx.test")
		if err != nil {
			return err
		}
		if !implicit {
			if err := c.StartTLS(cfg); err != nil {
				return err
			}
		}
		if offered, _ := c.Extension("STARTTLS"); offered {
			t.Error("STARTTLS is offered over TLS")
		}
		c.Text.PrintfLine("STARTTLS")
		if code, text, _ := c.Text.ReadResponse(0); code != 503 && code != 502 {
			t.Errorf("STARTTLS over TLS gave %d %s", code, text)
		}
		if err := c.Mail("a@example.com"); err != nil {
			return err
		}
		return c.Quit()
	}
	for _, implicit := range []bool{false, true} {
		name := map[bool]string{false: "STARTTLS", true: "implicit"}[implicit]
		t.Run(name, func(t *testing.T) {
			cfg := Config{StartTLS: !implicit, ImplicitTLS: implicit, RequireTLS: true, Hostname: "one.example"}
			inBubble(t, cfg, func(t *testing.T, srv *Server) {
				if err := client(t, srv, srv.ClientTLS(), implicit); err != nil {
					t.Error(err)
				}
				for _, host := range []string{"localhost", "mx.test", "127.0.0.1", "::1"} {
					trusting := srv.ClientTLS()
					trusting.ServerName = host
					if err := client(t, srv, trusting, implicit); err != nil {
						t.Errorf("as %s: %v", host, err)
					}
				}
				wrong := srv.ClientTLS()
				wrong.ServerName = "two.example"
				if err := client(t, srv, wrong, implicit); err == nil {
					t.Error("the certificate was good for another name")
				}
				if err := client(t, srv, &tls.Config{ServerName: "one.example"}, implicit); err == nil {
					t.Error("the certificate was trusted without ClientTLS")
				}
				srv.Close()
				for _, m := range srv.Transactions() {
					if !m.TLS {
						t.Errorf("got %+v, want TLS", m)
					}
				}
			})
		})
	}
}

// What was said before TLS is forgotten (RFC 3207, 4.2).
func TestSessionStartsAnewAfterSTARTTLS(t *testing.T) {
	inBubble(t, Config{StartTLS: true}, func(t *testing.T, srv *Server) {
		p := newPlayer(t, srv)
		defer func() { p.conn.Close() }()
		p.play(opened + "> STARTTLS\n< 220")
		p.conn = tls.Client(p.conn, srv.ClientTLS())
		p.r.Reset(p.conn)
		p.play("> RCPT TO:<c@example.org>\n< 503 5.5.1 Error: need MAIL\n> MAIL FROM:<>\n< 503 5.5.1 Error: send HELO")
	})
}

func TestTLSConfigOfTheUser(t *testing.T) {
	other := NewServer(Config{InMemory: true, ImplicitTLS: true})
	defer other.Close()
	serverSide, err := other.serverTLS()
	if err != nil {
		t.Fatal(err)
	}
	srv := NewServer(Config{InMemory: true, ImplicitTLS: true, TLSConfig: serverSide})
	defer srv.Close()
	conn, err := srv.DialContext(t.Context(), "tcp", srv.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	greeting := make([]byte, 3)
	if _, err := io.ReadFull(tls.Client(conn, other.ClientTLS()), greeting); err != nil || string(greeting) != "220" {
		t.Errorf("got %q, %v", greeting, err)
	}
}
