// Package registry reads of which layers images are made, from the registries
// that have them.
//
// Neither the names nor the answers are to be trusted: anyone who may create a
// pod chooses what is asked for, and anyone who may push to a registry chooses
// what it says. So a name is asked for only in a registry that the operator
// allows, no address is dialled that is not public unless the operator allows
// that one too, an answer is read up to a size and for a time, and what was asked
// for by digest has to have it.
//
// What it is not: a client for image contents. It reads manifests, and of images
// that do not tell their platform otherwise, the configuration. It keeps nothing
// between two calls, retries nothing and never looks at a pull secret.
//
// Every error of Read is an *Error, whose reason says whether, and when, to try
// again.
package registry
