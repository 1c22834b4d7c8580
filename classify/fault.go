package classify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/textproto"
)

// classOfFault returns the class of an error without a reply. A name that does not
// resolve is [ClassNetwork] too, as it is the name of a relay or of an MX host and not
// the recipient's domain.
func classOfFault(stage Stage, err error) Class {
	switch {
	case is[textproto.ProtocolError](err):
		return ClassProtocol
	case isTLS(err):
		return ClassTLS
	case isNetwork(err):
		return ClassNetwork
	case stage == StageStartTLS: // crypto/tls has many errors without a type
		return ClassTLS
	}
	return ClassUnknown
}

func isTLS(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		// crypto/tls wraps the alerts of both sides in this way.
		if op.Op == "remote error" || op.Op == "local error" {
			return true
		}
	}
	return is[tls.RecordHeaderError](err) || is[tls.AlertError](err) ||
		is[*tls.CertificateVerificationError](err) || is[*tls.ECHRejectionError](err) ||
		is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) ||
		is[x509.CertificateInvalidError](err) || is[x509.SystemRootsError](err) ||
		is[x509.ConstraintViolationError](err) || is[x509.UnhandledCriticalExtension](err) ||
		is[x509.InsecureAlgorithmError](err)
}

func isNetwork(err error) bool {
	for _, target := range []error{context.Canceled, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe} {
		if errors.Is(err, target) {
			return true
		}
	}
	// context.DeadlineExceeded and net.ErrClosed are a net.Error. A syscall.Errno is one
	// as well, also that of a missing file.
	return is[net.Error](err) && !is[*fs.PathError](err)
}

// is reports whether err is or wraps an error of type E.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
