// Package args decodes the arguments of Muster's plugins, strictly.
//
// The framework hands arguments of plugins it does not know to their factories
// as raw bytes, and its own helper ignores what it does not understand: a
// misspelt key would silently leave the default in force. Here it stops the
// start, with the path of the key.
//
// What it is not: it knows no plugin and no argument. It is a package of its
// own because the plugins need it and the registry of plugins needs them.
//
// Invariants:
//
//   - What is not given keeps the value it had, that is, the default.
//   - An error names every offending field by its path, and nothing is then to
//     be used of what was decoded.
//   - No input makes it panic.
package args
