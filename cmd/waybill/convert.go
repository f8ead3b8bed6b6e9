package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/epcis"
)

// conversion is what convert was asked to do.
type conversion struct {
	to       string
	output   string
	newer    bool
	epcs     string
	prefixes []string
	limits   *epcis.Limits
}

func (a *app) newConvertCommand() *cobra.Command {
	c := conversion{}
	cmd := &cobra.Command{
		Use:   "convert FILE --to json|xml|xml1.2",
		Short: "Write an EPCIS document in another form",
		Long: `Read a document, JSON or XML of EPCIS 2.0 or XML of EPCIS 1.2, and write it as JSON-LD (json), as
XML of EPCIS 2.0 (xml) or as XML of EPCIS 1.2 (xml1.2), event by event, whatever its size. Nothing
is lost: header, master data, extensions and event hashes come back the same. What the form cannot
express is a fault (WB_EPCIS_FORM) with exit code 1, and so is an invalid event; the output then ends
before it, and a file named by --output is not written at all. - reads standard input.

EPCIS 1.2 has no AssociationEvent, sensor data, persistent dispositions or certifications. --newer puts
them into the extension points of its schema, where a partner's reader of 1.2 passes over them.

--epcs urn writes Digital Links as EPC URNs, which readers of 1.2 expect; it must know the GS1 company
prefixes in them. --epcs link writes EPC URNs as Digital Links. Neither changes an event's hash.`,
		Example: `  waybill convert shipment.jsonld --to xml > shipment.xml
  waybill convert partner.xml --to json --output partner.jsonld
  waybill convert shipment.jsonld --to xml1.2 --epcs urn --company-prefix 9521321
  curl -s https://example.com/events.xml | waybill convert - --to json | jq .epcisBody`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one file, or - for standard input")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&c.to, "to", "", "form to write: json, xml or xml1.2")
	cmd.Flags().StringVarP(&c.output, "output", "o", "", "write to this `FILE`, complete or not at all")
	cmd.Flags().BoolVar(&c.newer, "newer", false, "with xml1.2: what 1.2 does not know goes into its extension points")
	cmd.Flags().StringVar(&c.epcs, "epcs", "", "spell identifiers as urn or link (default: as they are)")
	cmd.Flags().StringSliceVar(&c.prefixes, "company-prefix", nil, "GS1 company prefix known for --epcs urn; repeat for several")
	c.limits = limitFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opt, err := c.options()
		if err != nil {
			return usage("%w", err)
		}
		return a.convert(cmd, args[0], c, opt)
	}
	return cmd
}

func (c conversion) options() (epcis.WriteOptions, error) {
	now := time.Now().UTC()
	opt := epcis.WriteOptions{Newer: c.newer, CreationDate: epcis.Time{Instant: now, Text: now.Format(time.RFC3339)}}
	if c.to == "" {
		return opt, errors.New("--to is missing: json, xml or xml1.2")
	}
	var err error
	if opt.Form, err = epcis.ParseForm(c.to); err != nil {
		return opt, fmt.Errorf("--to %s is not json, xml or xml1.2", c.to)
	}
	switch c.epcs {
	case "":
	case "urn":
		prefixes, err := epcis.ParseCompanyPrefixes(c.prefixes)
		if f, ok := errors.AsType[epcis.Fault](err); ok {
			return opt, fmt.Errorf("--company-prefix: %s", f.Message)
		}
		opt.Identifier = prefixes.URN
	case "link":
		opt.Identifier = epcis.DigitalLink
	default:
		return opt, fmt.Errorf("--epcs %s is neither urn nor link", c.epcs)
	}
	return opt, nil
}

func (a *app) convert(cmd *cobra.Command, file string, c conversion, opt epcis.WriteOptions) (err error) {
	in, err := seekable(file, cmd.InOrStdin(), c.limits.MaxBytes)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	target := cmd.OutOrStdout()
	if c.output != "" {
		out, failed := os.CreateTemp(filepath.Dir(c.output), ".convert-*")
		if failed != nil {
			return fail(exitRefused, codeFile, "", "%w", failed)
		}
		target = out
		defer func() {
			if closeErr := out.Close(); err == nil && closeErr != nil {
				err = fail(exitRefused, codeFile, "", "%w", closeErr)
			}
			if err == nil {
				if err = os.Rename(out.Name(), c.output); err == nil {
					return
				}
				err = fail(exitRefused, codeFile, "", "%w", err)
			}
			_ = os.Remove(out.Name())
		}()
	}
	buffered := bufio.NewWriterSize(target, 64<<10)
	source := &interruptible{ReadSeeker: in, err: cmd.Context().Err}
	events, err := epcis.Convert(buffered, source, *c.limits, opt)
	if flushErr := buffered.Flush(); err == nil && flushErr != nil {
		return fail(exitRefused, codeFile, "", "%w", flushErr)
	}
	if err != nil {
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		faults := faultsOf(file, nil, err)
		for _, f := range faults {
			if err := a.writeFault(cmd.ErrOrStderr(), f); err != nil {
				return err
			}
		}
		return refused("%s; %s written before it", count(len(faults), "fault"), count(events, "event"))
	}
	if c.output != "" && !a.quiet {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s as %s\n", c.output, count(events, "event"), opt.Form)
	}
	return nil
}

// interruptible stops reading when the command is interrupted.
type interruptible struct {
	io.ReadSeeker
	err func() error
}

func (r *interruptible) Read(p []byte) (int, error) {
	if err := r.err(); err != nil {
		return 0, err
	}
	return r.ReadSeeker.Read(p)
}

// seekable opens a document that is read twice; standard input is kept in a file meanwhile.
func seekable(file string, stdin io.Reader, limit int64) (io.ReadSeekCloser, error) {
	if file != stdinName {
		f, err := os.Open(file) //nolint:gosec // the user names the file
		if err != nil {
			return nil, fail(exitRefused, codeFile, "", "%w", err)
		}
		return f, nil
	}
	f, err := os.CreateTemp("", "waybill-convert-*")
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%w", err)
	}
	// The name goes at once: the open file stays until it is closed, whatever happens.
	_ = os.Remove(f.Name())
	// One byte beyond the limit lets the decoder say that the document is too large.
	if _, err = io.Copy(f, io.LimitReader(stdin, limit+1)); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, fail(exitRefused, codeFile, "", "%w", err)
	}
	return f, nil
}
