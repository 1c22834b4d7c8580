package classify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"sync"
	"syscall"
	"testing"
)

func TestFaults(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	tests := []struct {
		name string
		err  error
		want Class
	}{
		{"EOF", io.EOF, ClassNetwork},
		{"unexpected EOF", io.ErrUnexpectedEOF, ClassNetwork},
		{"closed pipe", io.ErrClosedPipe, ClassNetwork},
		{"closed connection", net.ErrClosed, ClassNetwork},
		{"reset", reset, ClassNetwork},
		{"broken pipe", syscall.EPIPE, ClassNetwork},
		{"refused", &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, ClassNetwork},
		{"timeout", os.ErrDeadlineExceeded, ClassNetwork},
		{"wrapped", fmt.Errorf("endpoint a: %w", reset), ClassNetwork},
		{"name not found", &net.DNSError{Err: "no such host", Name: "mx.example.com", IsNotFound: true}, ClassNetwork},
		{"name server down", &net.DNSError{Err: "timeout", IsTimeout: true, IsTemporary: true}, ClassNetwork},
		{"cancelled", context.Canceled, ClassNetwork},
		{"deadline", context.DeadlineExceeded, ClassNetwork},
		{"certificate", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, ClassTLS},
		{"authority", x509.UnknownAuthorityError{}, ClassTLS},
		{"host name", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a"}, ClassTLS},
		{"alert", &net.OpError{Op: "remote error", Err: tls.AlertError(40)}, ClassTLS},
		{"garbage", textproto.ProtocolError("invalid response code: xyz"), ClassProtocol},
		{"short garbage", textproto.ProtocolError("short response: 25"), ClassProtocol},
		{"missing file", &os.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, ClassUnknown},
		{"something else", errors.New("template not found"), ClassUnknown},
		{"no reply", (*Reply)(nil), ClassUnknown},
		{"no textproto error", nilTextproto(), ClassUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for stage := StageConnect; stage <= StageUnknown+1; stage++ {
				want := Verdict{Class: tt.want, Connection: ConnDrop}
				if stage == StageDot {
					want.Recipient = RecipientAmbiguous
				}
				if stage == StageStartTLS && want.Class == ClassUnknown {
					want.Class = ClassTLS
				}
				if got := bare(Of(stage, tt.err)); got != want {
					t.Errorf("at %v: %+v, want %+v", stage, got, want)
				}
			}
		})
	}
}

// nilTextproto hides the nil from vet.
func nilTextproto() error {
	var e *textproto.Error
	return e
}

// TestInvariant2FaultsNeverRefuse has every fault that is not a reply, at every
// stage.
func TestInvariant2FaultsNeverRefuse(t *testing.T) {
	for _, err := range []error{
		io.EOF, context.Canceled, x509.UnknownAuthorityError{}, &net.DNSError{IsNotFound: true},
		textproto.ProtocolError("x"), errors.New("x"), os.ErrPermission, tls.RecordHeaderError{},
	} {
		for stage := StageConnect; stage <= StageUnknown; stage++ {
			v := Of(stage, err)
			if v.Recipient == RecipientRefused || v.Recipient == RecipientDelivered || v.Connection != ConnDrop {
				t.Errorf("%v at %v: %+v", err, stage, v)
			}
			if (v.Recipient == RecipientAmbiguous) != (stage == StageDot) {
				t.Errorf("%v at %v: %+v", err, stage, v)
			}
		}
	}
}

// TestClearTextOnATLSPort shakes hands with a server that speaks no TLS.
func TestClearTextOnATLSPort(t *testing.T) {
	tests := []struct {
		banner string
		want   Class
	}{
		{"421 Too many connections\r\n", ClassServerBusy}, // no more than the code is left of it
		{"554-Not you\r\n", ClassIPReputation},
		{"220 mx.example.com ESMTP\r\n", ClassTLS},
		{"HTTP/1.1 400 Bad Request\r\n", ClassTLS},
	}
	for _, tt := range tests {
		client, server := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { io.WriteString(server, tt.banner) }) // a pipe holds nothing: both directions at once
		wg.Go(func() { io.Copy(io.Discard, server) })
		err := tls.Client(client, &tls.Config{ServerName: "mx.example.com"}).Handshake()
		client.Close()
		server.Close()
		wg.Wait()
		want := Verdict{Class: tt.want, Connection: ConnDrop}
		if got := bare(Of(StageBanner, fmt.Errorf("handshake: %w", err))); got != want {
			t.Errorf("%q: %v: %+v, want %+v", tt.banner, err, got, want)
		}
	}
}

// endless wraps itself.
type endless struct{}

func (e endless) Error() string { return "once more" }
func (e endless) Unwrap() error { return e }

// TestErrorThatWrapsItself has a verdict, and neither a reply nor a stage.
func TestErrorThatWrapsItself(t *testing.T) {
	if got := bare(Of(StageRcpt, endless{})); got != (Verdict{Connection: ConnDrop}) {
		t.Errorf("got %+v", got)
	}
	if got := ReplyIn(endless{}); got != nil {
		t.Errorf("got the reply %v", got)
	}
	if got := StageOf(endless{}); got != StageUnknown {
		t.Errorf("it is of the stage %v", got)
	}
}
