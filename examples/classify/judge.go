package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/profile"
)

// judge knows the receivers.
type judge struct {
	profiles   *profile.Set
	classifier *classify.Classifier
	places     map[string][]placed           // by domain
	verdicts   map[question]classify.Verdict // of replies, as many are the same; nil where they are not
	known      int                           // times that one was known since they were last many
}

// question is all that the verdict of a reply depends on.
type question struct {
	input classify.Input
	text  string
}

// maxVerdicts bounds the verdicts that are remembered.
const maxVerdicts = 4096

// newJudge reads the files of profiles; warnings go to stderr. What -profiles has
// goes before what -shaping has, and that before what is built in.
func newJudge(o options, stderr io.Writer) (*judge, error) {
	set := profile.Default()
	err := readFile(o.shaping, func(r io.Reader) error {
		own, warnings, err := profile.ParseShaping(r, o.shaping)
		for _, w := range warnings {
			fmt.Fprintf(stderr, "classify: warning: %v\n", w)
		}
		if err == nil {
			set = set.With(own)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = readFile(o.profiles, func(r io.Reader) error {
		own, err := profile.Parse(r, o.profiles)
		if err == nil {
			set = set.With(own)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	classifier, err := classify.New(set.Rules()...)
	if err != nil {
		return nil, err
	}
	return &judge{profiles: set, classifier: classifier, places: map[string][]placed{}, verdicts: map[question]classify.Verdict{}}, nil
}

// readFile reads a file, or nothing when it has no name.
func readFile(name string, read func(io.Reader) error) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

// of judges an answer, and finds whose it is.
func (j *judge) of(a *answer) (*place, classify.Verdict) {
	where := j.placeOf(route{a.provider, a.domain, a.host, a.relay})
	switch {
	case a.err == nil:
		return where, classify.Verdict{}
	case a.own:
		return where, j.ofOwn(a)
	case a.err == error(accepted) && a.stage == classify.StageDot:
		return where, classify.Verdict{Class: classify.ClassOK, Recipient: classify.RecipientDelivered}
	}
	in := classify.Input{Stage: a.stage, Ordinal: min(a.ordinal, 2)} // the first one, or a later one
	if where.profile != nil {
		in.Provider = where.profile.Name
	}
	v := j.verdictOf(in, a)
	if a.class != classify.ClassUnknown {
		v.Class = a.class
	}
	return where, v
}

// verdictOf judges an answer, or remembers what it has judged of the same. Where most
// replies are new, each with a number of its own, it remembers none.
func (j *judge) verdictOf(in classify.Input, a *answer) classify.Verdict {
	if j.verdicts == nil {
		return j.classifier.Of(in, a.err)
	}
	q := question{in, a.text}
	if v, known := j.verdicts[q]; known {
		j.known++
		return v
	}
	v := j.classifier.Of(in, a.err)
	if len(j.verdicts) >= maxVerdicts {
		if clear(j.verdicts); j.known < maxVerdicts/2 {
			j.verdicts = nil
			return v
		}
		j.known = 0
	}
	q.text = strings.Clone(q.text)
	j.verdicts[q] = v
	return v
}

// ofOwn judges what the sending server has decided by itself: no limit of a receiver
// was hit.
func (j *judge) ofOwn(a *answer) classify.Verdict {
	v := j.classifier.Of(classify.Input{Stage: a.stage}, a.err)
	v.Limit, v.Stated, v.RetryAfter, v.Rule, v.Scope = classify.LimitNone, classify.Stated{}, 0, "", classify.ScopeNone
	if a.class != classify.ClassUnknown {
		v.Class = a.class
	}
	switch a.fate {
	case fateLater:
		if v.Recipient == classify.RecipientRefused {
			v.Recipient = classify.RecipientLater
		}
	case fateRefused:
		v.Recipient = classify.RecipientRefused
	}
	return v
}
