package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/epcis"
)

// validation is what validate says of one file.
type validation struct {
	File   string  `json:"file"`
	Valid  bool    `json:"valid"`
	Events int     `json:"events"` // valid ones
	Faults []fault `json:"faults"`
	// Omitted counts the faults beyond the first maxFaults.
	Omitted int `json:"faults_omitted,omitempty"`
	// Warnings are what the standard advises against and yet stands in published examples.
	Warnings []fault `json:"warnings,omitempty"`
}

// maxFaults bounds what is kept of one file's faults for its JSON object.
const maxFaults = 10_000

func (v *validation) add(faults []fault) {
	room := max(0, min(maxFaults-len(v.Faults), len(faults)))
	v.Faults = append(v.Faults, faults[:room]...)
	v.Omitted += len(faults) - room
}

func (a *app) newValidateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check EPCIS documents; exit 0 only if all are valid",
		Long: `Check every event of every document against EPCIS 2.0 and CBV 2.0. Each fault is one line on
standard output: file, path, code and what is wrong. With --json there is one object a file, with
its faults. Exit code 0 means that all are valid, 1 that some are not.

What the standard advises against but its own published examples do, such as a wrong check digit or
a sensor's time after the event, and what no schema catches, such as a temperature in kilograms or a
prefix that no context declares, is a warning on standard error; it changes nothing else.`,
		Example: `  waybill validate shipment.jsonld
  waybill validate documents/ || echo "some are invalid"
  waybill validate --json shipment.xml | jq '.faults[]'`,
		Args: atLeastOneFile,
	}
	limits := limitFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		files, err := expand(args, documentSuffixes())
		if err != nil {
			return err
		}
		valid, events, faults := 0, 0, 0
		for _, file := range files {
			v, err := a.validateFile(cmd, file, *limits)
			if err != nil {
				return err
			}
			if a.json {
				if err := writeJSON(cmd.OutOrStdout(), v); err != nil {
					return err
				}
			}
			if v.Valid {
				valid++
			}
			events += v.Events
			faults += len(v.Faults) + v.Omitted
		}
		if valid < len(files) {
			return refused("%s in %d of %s; %s valid", count(faults, "fault"), len(files)-valid, count(len(files), "document"), count(events, "event"))
		}
		if !a.quiet && !a.json {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s, %s, all valid\n", count(len(files), "document"), count(events, "event"))
		}
		return nil
	}
	return cmd
}

func (a *app) validateFile(cmd *cobra.Command, file string, limits epcis.Limits) (validation, error) {
	v := validation{File: file, Faults: []fault{}}
	report := func(event *int, err error) error {
		faults := faultsOf(file, event, err)
		v.add(faults)
		for _, f := range faults {
			if a.json {
				break
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), f); err != nil {
				return err
			}
		}
		return nil
	}
	in, err := openInput(file, cmd.InOrStdin())
	if err != nil {
		return v, report(nil, err)
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	for source, err := range documentEvents(in, limits) {
		if cmd.Context().Err() != nil {
			return v, cmd.Context().Err()
		}
		switch {
		case err != nil:
			err = report(nil, err)
		case source.Err != nil:
			err = report(&source.Index, source.Err)
		default:
			v.Events++
		}
		if err != nil {
			return v, err
		}
		if err := a.warn(cmd, &v, source); err != nil {
			return v, err
		}
	}
	v.Valid = len(v.Faults) == 0
	return v, nil
}

// warn reports what is doubtful in a valid event.
func (a *app) warn(cmd *cobra.Command, v *validation, source epcis.Source) error {
	if source.Err != nil || a.quiet {
		return nil //nolint:nilerr // the faults of an invalid event are reported, its warnings are not
	}
	var faults []fault
	for _, w := range source.Warnings() {
		faults = append(faults, faultsOf(v.File, &source.Index, w)...)
	}
	v.Warnings = append(v.Warnings, faults[:max(0, min(maxFaults-len(v.Warnings), len(faults)))]...)
	for _, f := range faults {
		if a.json {
			break
		}
		if _, err := fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+f.String()); err != nil {
			return err
		}
	}
	return nil
}
