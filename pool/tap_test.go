package pool

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/internal/redact"
	"github.com/wneessen/go-mail"
)

// pages is a writer that keeps every Write of a transcript.
type pages struct {
	mu     sync.Mutex
	writes []string
	closed int
}

func (p *pages) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes = append(p.writes, string(b))
	return len(b), nil
}

func (p *pages) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed++
	return nil
}

// told returns the lines without their times.
func (p *pages) told() (lines []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.writes {
		_, line, _ := strings.Cut(strings.TrimSuffix(w, "\n"), " ")
		lines = append(lines, line)
	}
	return lines
}

// checkPage fails unless a Write is one printable, bounded line.
func checkPage(t *testing.T, line string) {
	t.Helper()
	body, end := strings.CutSuffix(line, "\n")
	if !end || len(line) > printable.MaxError+60 || !utf8.ValidString(line) || strings.ContainsFunc(body, func(c rune) bool { return !unicode.IsPrint(c) }) {
		t.Errorf("%d bytes: %.300q", len(line), line)
	}
}

// secretOfTests is the secret of the logins here.
const secretOfTests = "correct-Horse9battery"

// loginsOfTests returns all mechanisms, with a mechanism of the user's own.
func loginsOfTests() map[string]func(*Endpoint) {
	by := func(m mail.SMTPAuthType) func(*Endpoint) { return func(e *Endpoint) { e.Auth = m } }
	logins := map[string]func(*Endpoint){
		"own": func(e *Endpoint) {
			e.Credentials = nil
			e.SASL = func(context.Context) (SASL, error) {
				return &bearer{name: "X-OWN", initial: "token=" + secretOfTests, farewell: "again " + secretOfTests}, nil
			}
		},
	}
	for _, m := range []mail.SMTPAuthType{
		mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthSCRAMSHA256,
		mail.SMTPAuthXOAUTH2, mail.SMTPAuthNTLM, AuthOAuthBearer,
	} {
		logins[string(m)] = by(m)
	}
	return logins
}

// loginReplies are the ways of servers with a line of a login; they repeat what they can.
var loginReplies = map[string]func(line string, step int) string{
	"accepts": func(line string, step int) string {
		if step == 0 {
			return "334 " + encode("challenge of "+secretOfTests)
		}
		return "235-welcome " + line + "\r\n235 " + secretOfTests
	},
	"asks on and refuses": func(line string, step int) string {
		if step < 3 {
			return "334 " + encode(fmt.Sprint("r=", step, ",s=c2FsdA==,i=4096 ", secretOfTests))
		}
		return "535 5.7.8 refused " + line
	},
	"refuses and repeats": func(line string, _ int) string { return "535 5.7.8 no: " + line },
	"repeats in upper case": func(line string, _ int) string {
		return "535-5.7.8 " + strings.ToUpper(line) + "\r\n535 5.7.8 " + strings.ToUpper(secretOfTests)
	},
	"repeats a part": func(line string, _ int) string {
		return "535 5.7.8 no: " + line[:len(line)*3/4] + " and " + secretOfTests[:12]
	},
	"repeats behind a long text": func(line string, _ int) string {
		return "535 5.7.8 " + strings.Repeat("x", transcriptLine-len("535 5.7.8 ")-8) + secretOfTests + line
	},
	"repeats what is decoded": func(line string, _ int) string {
		words := strings.Fields(line)
		plain, _ := base64.StdEncoding.DecodeString(words[len(words)-1])
		return "535 5.7.8 " + strings.Map(func(c rune) rune {
			if c < ' ' || c > '~' {
				return ' '
			}
			return c
		}, string(plain))
	},
	"wants the initial response again": func(line string, step int) string {
		if step == 0 {
			return "501 5.5.2 " + line
		}
		return "334 "
	},
	"never ends":  func(line string, _ int) string { return "334 " + line },
	"talks badly": func(line string, _ int) string { return "what? " + line },
}

func TestTranscriptTellsNoSecret(t *testing.T) {
	for name, login := range loginsOfTests() {
		for way, reply := range loginReplies {
			t.Run(name+" "+way, func(t *testing.T) {
				var responses []string
				server := &authServer{offers: "250 AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2 NTLM OAUTHBEARER X-OWN"}
				server.says = func(line string) string {
					verb, rest, _ := strings.Cut(line, " ")
					if verb == "AUTH" {
						_, line, _ = strings.Cut(rest, " ")
					}
					step := len(responses)
					responses = append(responses, line)
					if line == "" {
						line = "-"
					}
					return reply(line, step)
				}
				var out pages
				p, err := New(Config{Transcript: func(string, uint64) io.Writer { return &out }})
				if err != nil {
					t.Fatal(err)
				}
				e := server.endpoint()
				e.Credentials = func(context.Context) (string, string, error) { return "user@s.example", secretOfTests, nil }
				login(&e)
				_ = p.Verify(t.Context(), e)
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
				checkLoginTranscript(t, &out, responses)
			})
		}
	}
}

// checkLoginTranscript looks for what was said in a login.
func checkLoginTranscript(t *testing.T, out *pages, responses []string) {
	t.Helper()
	text := strings.Join(out.told(), "\n")
	for _, w := range out.writes {
		checkPage(t, w)
	}
	for _, line := range out.told() {
		if said, ok := strings.CutPrefix(line, "#1 S: 334 "); ok && !strings.HasPrefix(said, "[") {
			t.Errorf("it tells the challenge %q", said)
		}
	}
	told := 0
	for _, r := range responses {
		if r != "*" && r != "" {
			told++
		}
	}
	if out.closed != 1 || !strings.Contains(text, " C: EHLO ") || !strings.Contains(text, " C: AUTH ") || strings.Count(text, "bytes]") < told {
		t.Errorf("closed %d times, %d responses:\n%s", out.closed, told, text)
	}
	folded := strings.ToLower(text)
	if clean := redact.New("user@s.example", secretOfTests).Redact(text); clean != text {
		t.Fatalf("it tells of the secret:\n%s", text)
	}
	for _, r := range responses {
		if r != "*" && len(r) >= 8 && strings.Contains(folded, strings.ToLower(r[:8])) {
			t.Errorf("it tells the response %q:\n%s", r, text)
		}
		plain, _ := base64.StdEncoding.DecodeString(r)
		for _, word := range strings.Fields(string(plain)) {
			if _, err := hex.DecodeString(word); err == nil && len(word) >= 16 && strings.Contains(folded, word) {
				t.Errorf("it tells the digest %q:\n%s", word, text)
			}
		}
	}
}

// FuzzTap feeds a conversation in pieces of any size. No byte of a message and no
// response of a login is told, whatever the messages and replies are, and the commands
// behind a message are.
func FuzzTap(f *testing.F) {
	f.Add([]byte("Subject: x\r\n\r\n.leading\r\n.\r\n"), []byte("250 ok\r\n"), uint64(1))
	f.Add([]byte("\r\n.\r\n.\r\r\n."), []byte("550-\x1b[2Jx\r\n550 y\n\n"), uint64(2))
	f.Add([]byte("."), bytes.Repeat([]byte("x"), 3000), uint64(3))
	f.Fuzz(func(t *testing.T, message, replies []byte, seed uint64) {
		const marker = "bOdYmArKeR"
		body, err := NewBody([]byte(strings.ReplaceAll(strings.ReplaceAll(string(message), "\r", ""), "\n", marker+"\r\n"+marker)))
		if err != nil || len(replies) > 1<<12 {
			t.Skip()
		}
		r := rand.New(rand.NewPCG(seed, 0))
		lines := transcribeOf(func(x *tap) {
			pieces := func(text []byte, do func([]byte)) {
				for len(text) > 0 {
					n := 1 + r.IntN(min(len(text), 600))
					do(text[:n])
					text = text[n:]
				}
			}
			pieces([]byte("MAIL FROM:<a@s.example>\r\nDATA\r\n"), x.say)
			pieces(replies, x.hear)
			x.beginBody()
			pieces(append(onTheWire(body), []byte("MAIL FROM:<b@s.example>\r\n")...), x.say)
			x.session.secrets = redact.Redactor{}.AndResponse(marker + marker)
			x.beginLogin()
			pieces([]byte("AUTH PLAIN "+encode(marker+marker)+"\r\n"+encode(marker+marker)+"\r\n"), x.say)
			pieces([]byte("\r\n535 "+marker+" "+encode(marker+marker)+"\r\n"), x.hear)
		})
		text := strings.Join(lines, "")
		for _, line := range lines {
			checkPage(t, line)
		}
		if strings.Contains(text, marker) && !bytes.Contains(replies, []byte(marker)) || strings.Contains(text, encode(marker+marker)) {
			t.Errorf("told:\n%s", text)
		}
		for _, want := range []string{"C: MAIL FROM:<a@s.example>\n", "C: DATA\n", "bytes of a message]\n", "C: .\n", "C: MAIL FROM:<b@s.example>\n", "C: AUTH PLAIN [28 bytes]\n", "C: [28 bytes]\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in:\n%s", want, text)
			}
		}
	})
}

// onTheWire returns a message as it is written, with its end.
func onTheWire(b Body) []byte {
	text := strings.ReplaceAll("\n"+string(b.Bytes()), "\n.", "\n..")[1:]
	return []byte(text + b.terminator())
}

// transcribeOf returns what a tap writes.
func transcribeOf(do func(*tap)) (lines []string) {
	t := &transcript{lines: make(chan said, 1<<13), written: new(atomic.Uint64)}
	s := &session{transcript: t}
	do(newTap(struct{ io.ReadWriter }{}, s))
	t.tap = s.tap
	close(t.lines)
	var out pages
	for line := range t.lines {
		t.write(&out, line)
	}
	return out.writes
}

// TestLinesInPieces are put together from pieces of each length.
func TestLinesInPieces(t *testing.T) {
	const text = "\r\n\nab\r\nabcdefgh\r\nabcdefg\r\r\nx\ry\nend\r"
	want := []string{`"" 0`, `"" 0`, `"ab" 2`, `"abcdef" 8`, `"abcdef" 8`, `"x\ry" 3`}
	for size := 1; size <= len(text); size++ {
		var b lineBuffer
		var got []string
		for at := 0; at < len(text); at += size {
			for p := []byte(text[at:min(at+size, len(text))]); len(p) > 0; {
				var line []byte
				var n int
				if line, n, p = b.take(p, 6); n >= 0 {
					got = append(got, fmt.Sprintf("%q %d", line, n))
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pieces of %d: got %q, want %q", size, got, want)
		}
		if line, n := b.rest(); string(line) != "end" || n != 3 {
			t.Errorf("pieces of %d: the rest is %q, %d bytes", size, line, n)
		}
		if line, n := b.rest(); len(line) != 0 || n != 0 {
			t.Errorf("pieces of %d: behind the rest is %q, %d bytes", size, line, n)
		}
	}
}

// TestBodiesInPieces are told by their length up to the final dot, and what follows is read
// on as lines.
func TestBodiesInPieces(t *testing.T) {
	for body, want := range map[string]string{
		"hello\r\n.\r\n": "[7 bytes of a message]", ".\r\n": "[0 bytes of a message]", "..\r\n.\r\n": "[4 bytes of a message]", "a\r\n.b\r\n.\r\n": "[7 bytes of a message]", "a\n.\r\n\r\n.\r\n": "[7 bytes of a message]",
	} {
		for size := 1; size <= len(body); size++ {
			got := transcribeOf(func(x *tap) {
				x.beginBody()
				for at := 0; at < len(body); at += size {
					x.say([]byte(body[at:min(at+size, len(body))]))
				}
				x.say([]byte("\r\nQUIT\r\n"))
			})
			if len(got) != 4 || !strings.HasSuffix(got[0], "C: "+want+"\n") || !strings.HasSuffix(got[1], "C: .\n") || !strings.HasSuffix(got[2], "C: \n") || !strings.HasSuffix(got[3], "C: QUIT\n") {
				t.Errorf("%q in pieces of %d: got %q, want %q", body, size, got, want)
			}
		}
	}
}

// TestLinesOfLogins are told by their lengths, but for the name of a mechanism and "*".
func TestLinesOfLogins(t *testing.T) {
	for line, want := range map[string]string{
		"AUTH PLAIN": "AUTH PLAIN", "AUTH PLAIN abcd": "AUTH PLAIN [4 bytes]", "AUTH": "[4 bytes]", "AUTHAUTH": "[8 bytes]", "*": "*", "": "[0 bytes]", "abcd": "[4 bytes]",
	} {
		got := transcribeOf(func(x *tap) {
			x.beginLogin()
			x.sayLine([]byte(line), len(line))
		})
		if len(got) != 1 || !strings.HasSuffix(got[0], "C: "+want+"\n") {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}
