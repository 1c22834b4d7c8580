package smtpace

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/smtptest"
)

// SendMail gives every stage of a session its meaning: what a destination refuses is
// not tried again, what is put off or is the relay's is, and nothing is delivered twice.
func TestSendMailAtEachStage(t *testing.T) {
	login := smtp.CRAMMD5Auth("user", "secret")
	fault := func(stage smtptest.Stage, f smtptest.Fault) func(smtptest.Event) *smtptest.Fault {
		return smtptest.Rules(smtptest.Rule{Stage: stage, Times: 1, Fault: f})
	}
	users := map[string]string{"user": "secret"}
	for name, test := range map[string]struct {
		receiver smtptest.Config
		auth     smtp.Auth
		want     Status
		tries    int
	}{
		"no fault":           {smtptest.Config{}, nil, Delivered, 1},
		"a login":            {smtptest.Config{Users: users, RequireAuth: true}, login, Delivered, 1},
		"no banner":          {smtptest.Config{Fault: fault(smtptest.StageConnect, smtptest.Fault{Reply: "421 4.3.2 later", End: smtptest.Close})}, nil, Delivered, 2},
		"EHLO put off":       {smtptest.Config{Fault: fault(smtptest.StageHelo, smtptest.Fault{Reply: "421 4.3.2 later", End: smtptest.Close})}, nil, Delivered, 2},
		"MAIL put off":       {smtptest.Config{Fault: fault(smtptest.StageMail, smtptest.Fault{Reply: "451 4.3.2 later"})}, nil, Delivered, 2},
		"RCPT put off":       {smtptest.Config{Fault: fault(smtptest.StageRcpt, smtptest.Fault{Reply: "450 4.2.0 later"})}, nil, Delivered, 2},
		"lost at RCPT":       {smtptest.Config{Fault: fault(smtptest.StageRcpt, smtptest.Fault{End: smtptest.Reset, Silent: true})}, nil, Delivered, 2},
		"DATA put off":       {smtptest.Config{Fault: fault(smtptest.StageData, smtptest.Fault{Reply: "451 4.3.2 later"})}, nil, Delivered, 2},
		"dot put off":        {smtptest.Config{Fault: fault(smtptest.StageDot, smtptest.Fault{Reply: "451 4.3.2 later"})}, nil, Delivered, 2},
		"MAIL refused":       {smtptest.Config{Fault: fault(smtptest.StageMail, smtptest.Fault{Reply: "550 5.7.1 not for you"})}, nil, Delivered, 2},
		"RCPT refused":       {smtptest.Config{Fault: fault(smtptest.StageRcpt, smtptest.Fault{Reply: "550 5.1.1 no such user"})}, nil, Refused, 1},
		"dot refused":        {smtptest.Config{Fault: fault(smtptest.StageDot, smtptest.Fault{Reply: "550 5.7.1 spam"})}, nil, Refused, 1},
		"QUIT not answered":  {smtptest.Config{Fault: fault(smtptest.StageQuit, smtptest.Fault{End: smtptest.Reset, Silent: true})}, nil, Delivered, 1},
		"QUIT refused":       {smtptest.Config{Fault: fault(smtptest.StageQuit, smtptest.Fault{Reply: "500 5.5.1 what"})}, nil, Delivered, 1},
		"silent at the dot":  {smtptest.Config{Fault: fault(smtptest.StageDot, smtptest.Fault{Silent: true, End: smtptest.Stall})}, nil, Delivered, 2},
		"no AUTH is offered": {smtptest.Config{Fault: fault(smtptest.StageHelo, smtptest.Fault{Reply: "250 mx.test"}), Users: users}, login, Delivered, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, test.receiver, func(t *testing.T, srv *smtptest.Server) {
				p := newPacer(t, PacerConfig{})
				var got *Result
				p.observer.Settled = func(r *Result) { got = r }
				err := p.sendMail(t.Context(), srv.DialContext, srv.Addr, test.auth, "from@sender.example", []string{"ann@example.com"}, []byte("Subject: x\r\n\r\nhello\r\n"))
				if one := got.Recipients[0]; one.Status != test.want || one.Tries != test.tries || (err == nil) != (test.want == Delivered) {
					t.Errorf("got %v after %d tries (%v), want %v after %d", one.Status, one.Tries, err, test.want, test.tries)
				}
				delivered := 0
				if test.want == Delivered {
					delivered = 1
				}
				if n := accepted(srv)["x ann@example.com"]; n != delivered {
					t.Errorf("the receiver has taken it %d times, want %d", n, delivered)
				}
				time.Sleep(time.Second)
				if open := srv.Stats().Open; open != 0 {
					t.Errorf("%d connections are left open", open)
				}
			})
		})
	}
}

// A session ends with its context, whatever it waits for.
func TestSendMailEndsWithTheContext(t *testing.T) {
	inWorld(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Fault: smtptest.Fault{Silent: true, End: smtptest.Stall}})}, func(t *testing.T, srv *smtptest.Server) {
		p := newPacer(t, PacerConfig{})
		for _, stage := range []smtptest.Stage{smtptest.StageConnect, smtptest.StageRcpt} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			start := time.Now()
			dial := srv.DialContext
			if stage == smtptest.StageConnect {
				dial = func(context.Context, string, string) (net.Conn, error) { // a server that says nothing
					ours, theirs := net.Pipe()
					t.Cleanup(func() { _ = theirs.Close() })
					return ours, nil
				}
			}
			err := p.sendMail(ctx, dial, srv.Addr, nil, "from@sender.example", []string{"ann@example.com"}, []byte("Subject: x\r\n\r\n"))
			if err == nil || time.Since(start) != 20*time.Second {
				t.Errorf("%s: got %v after %v, want an error after 20 s", stage, err, time.Since(start))
			}
			cancel()
		}
	})
}

// failingAuth is a login that fails on this side.
type failingAuth struct{ start, next error }

func (a failingAuth) Start(*smtp.ServerInfo) (string, []byte, error) { return "PLAIN", nil, a.start }

func (a failingAuth) Next([]byte, bool) ([]byte, error) { return nil, a.next }

// A login that fails on this side ends the session with its error, whichever step it is.
func TestLoginsThatFailHere(t *testing.T) {
	inWorld(t, smtptest.Config{Users: map[string]string{"user": "secret"}}, func(t *testing.T, srv *smtptest.Server) {
		why := errors.New("the vault is sealed")
		for _, a := range []failingAuth{{start: why}, {next: why}} {
			s, err := dialPlain(t.Context(), srv.DialContext, srv.Addr, a)
			if s != nil || !errors.Is(err, why) {
				t.Errorf("%+v: got %v, want the error of the login", a, err)
			}
		}
		time.Sleep(time.Second)
		if open := srv.Stats().Open; open != 0 {
			t.Errorf("%d connections are left open", open)
		}
	})
}

// The errors of a session tell its stage, and an address without a port is the
// caller's mistake.
func TestSessionsTellTheirStage(t *testing.T) {
	inWorld(t, smtptest.Config{Users: map[string]string{"user": "secret"}}, func(t *testing.T, srv *smtptest.Server) {
		stageOf := func(dial dialer, addr string, a smtp.Auth) classify.Stage {
			s, err := dialPlain(t.Context(), dial, addr, a)
			if err == nil {
				_ = s.Close()
				return classify.StageUnknown
			}
			at, ok := errors.AsType[*stageError](err)
			if !ok {
				t.Fatalf("got %v without a stage", err)
			}
			return at.stage
		}
		broken := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") }
		got := []classify.Stage{
			stageOf(srv.DialContext, srv.Addr, nil), stageOf(srv.DialContext, "mx.test", nil), stageOf(broken, srv.Addr, nil),
			stageOf(srv.DialContext, srv.Addr, smtp.CRAMMD5Auth("user", "wrong")),
		}
		want := []classify.Stage{classify.StageUnknown, classify.StageConnect, classify.StageConnect, classify.StageAuth}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// A server that repeats the lines of a login brings the secret into no error and no log.
func TestSendMailTellsNoSecret(t *testing.T) {
	const user, secret = "ann", "hunter2-secret"
	for name, line := range map[string]string{
		"PLAIN": "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+secret)), "clear": user + ", " + secret,
		"secret alone": base64.StdEncoding.EncodeToString([]byte(secret)), "cut": "\"" + secret[:9],
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{Users: map[string]string{user: secret}, Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageAuth, Fault: smtptest.Fault{Reply: "535 5.7.8 not valid: " + line}},
			)}, func(t *testing.T, srv *smtptest.Server) {
				var log lines
				p, err := NewPacer(PacerConfig{Expiry: time.Minute, Logger: log.logger()})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				err = p.sendMail(t.Context(), srv.DialContext, "localhost:25", smtp.PlainAuth("", user, secret, "localhost"), "a@x.test", []string{"b@y.test"}, nil)
				if reply := classify.ReplyIn(err); reply == nil || reply.Code != 535 || !strings.Contains(err.Error(), "not valid: ") {
					t.Errorf("got %v, want the reply of the server", err)
				}
				told := strings.Join(append(log.lines, fmt.Sprint(err), fmt.Sprint(p.Stats())), "\n")
				if !strings.Contains(told, "[secret]") || strings.Contains(told, line) || strings.Contains(told, secret[:9]) {
					t.Errorf("it tells of the login:\n%s", told)
				}
			})
		})
	}
}

// TLS that fails ends a session before the login, and tells the stage.
func TestSendMailTrustsNoUnknownCertificate(t *testing.T) {
	inWorld(t, smtptest.Config{StartTLS: true, Users: map[string]string{"user": "secret"}}, func(t *testing.T, srv *smtptest.Server) {
		s, err := dialPlain(t.Context(), srv.DialContext, srv.Addr, smtp.CRAMMD5Auth("user", "secret"))
		if s != nil || err == nil || classify.StageOf(err) != classify.StageStartTLS {
			if own, ok := errors.AsType[*stageError](err); !ok || own.stage != classify.StageStartTLS {
				t.Errorf("got %v, want an error at STARTTLS", err)
			}
		}
		time.Sleep(time.Second)
		if open := srv.Stats().Open; open != 0 {
			t.Errorf("%d connections are left open", open)
		}
	})
}

// What a server says of a login is shown without the responses, whatever kind of error it
// becomes.
func TestErrorsOfALoginTellNoSecret(t *testing.T) {
	o := &overheard{Auth: smtp.PlainAuth("", "user", "a long secret", "localhost")}
	_, response, err := o.Start(&smtp.ServerInfo{Name: "localhost", Auth: []string{"PLAIN"}})
	if err != nil {
		t.Fatal(err)
	}
	said := "5.7.8 wrong: " + base64.StdEncoding.EncodeToString(response)
	for name, err := range map[string]error{
		"a refusal": &textproto.Error{Code: 535, Msg: said}, "no reply": textproto.ProtocolError(said),
	} {
		got := o.clean(err)
		if reflect.TypeOf(got) != reflect.TypeOf(err) || strings.Contains(got.Error(), said) || !strings.Contains(got.Error(), "5.7.8 wrong: ") {
			t.Errorf("%s: got %T: %v", name, got, got)
		}
	}
	if got := o.clean(net.ErrClosed); got != net.ErrClosed {
		t.Errorf("another error: got %v", got)
	}
	if got := o.clean(nil); got != nil {
		t.Errorf("none: got %v", got)
	}
}
