package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/epcis"
)

// stdinName stands for standard input on the command line and in messages.
const stdinName = "-"

// fault is one thing wrong with an input, as it is printed.
type fault struct {
	File    string `json:"file"`
	Event   *int   `json:"event,omitempty"` // position in the document, from 0
	Path    string `json:"path,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (f fault) String() string {
	if f.Path == "" {
		return fmt.Sprintf("%s: %s: %s", f.File, f.Code, f.Message)
	}
	return fmt.Sprintf("%s: %s: %s: %s", f.File, f.Path, f.Code, f.Message)
}

// faultsOf spreads an error over the faults it holds; any other error is one fault with its code.
func faultsOf(file string, event *int, err error) []fault {
	if many, ok := errors.AsType[epcis.Faults](err); ok {
		out := make([]fault, len(many))
		for i, f := range many {
			out[i] = fault{File: file, Event: event, Path: f.Path, Code: f.Code, Message: f.Message}
		}
		return out
	}
	if one, ok := errors.AsType[epcis.Fault](err); ok {
		return []fault{{File: file, Event: event, Path: one.Path, Code: one.Code, Message: one.Message}}
	}
	code := cmp.Or(stableCode.FindString(err.Error()), codeFile)
	return []fault{{File: file, Event: event, Code: code, Message: strings.TrimPrefix(err.Error(), code+": ")}}
}

// documentSuffixes are what a folder on the command line is searched for.
func documentSuffixes() []string { return []string{".json", ".jsonld", ".xml"} }

// expand lists the files that arguments name: a file, a folder (its documents, at any depth, in
// order of path), a pattern that the shell left alone, or standard input.
func expand(args, suffixes []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		if arg == stdinName {
			files = append(files, arg)
			continue
		}
		info, err := os.Stat(arg)
		switch {
		case err == nil && info.IsDir():
			n := len(files)
			walkErr := filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() && slices.Contains(suffixes, strings.ToLower(filepath.Ext(path))) {
					files = append(files, path)
				}
				return err
			})
			if walkErr != nil {
				return nil, fail(exitRefused, codeFile, "", "%w", walkErr)
			}
			if len(files) == n {
				return nil, fail(exitRefused, codeFile, "", "%s holds no file ending in %s", arg, strings.Join(suffixes, ", "))
			}
		case err != nil && strings.ContainsAny(arg, "*?["):
			matches, err := filepath.Glob(arg)
			if err != nil {
				return nil, usage("%s: %w", arg, err)
			}
			if len(matches) == 0 {
				return nil, fail(exitRefused, codeFile, "", "no file matches %s", arg)
			}
			files = append(files, matches...)
		default: // a file that cannot be read is reported beside its neighbours, not instead of them
			files = append(files, arg)
		}
	}
	return files, nil
}

func openInput(file string, stdin io.Reader) (io.ReadCloser, error) {
	if file == stdinName {
		return io.NopCloser(stdin), nil
	}
	f, err := os.Open(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%w", err)
	}
	return f, nil
}

// documentEvents yields the events of a document in either format, in document order.
func documentEvents(r io.Reader, limits epcis.Limits) iter.Seq2[epcis.Source, error] {
	buffered := bufio.NewReaderSize(r, 64<<10)
	prefix, _ := buffered.Peek(512) // a short or failing source is the decoder's to report
	if epcis.Detect(prefix) == epcis.XML {
		return epcis.EventsXML(buffered, limits)
	}
	return epcis.Events(buffered, limits)
}

// limitFlags lets the owner of a document lift the limits that protect a service from strangers.
func limitFlags(cmd *cobra.Command) *epcis.Limits {
	limits := epcis.DefaultLimits()
	cmd.Flags().Int64Var(&limits.MaxBytes, "max-bytes", limits.MaxBytes, "largest document to read, in bytes")
	cmd.Flags().IntVar(&limits.MaxEvents, "max-events", limits.MaxEvents, "most events to read from one document")
	return &limits
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
