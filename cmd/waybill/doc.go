// Command waybill is Waybill's one command: it starts networks, serves an organisation's API,
// records events and readings, and reads back what the ledger holds.
//
// It owns the wiring: flags, files, output, exit codes and the lifetime of what runs. What is
// decided lives in the packages it imports; it may import all of them, and nothing imports it.
package main
