#!/usr/bin/env node
// The program under the name by which kubectl finds its plugins.
import './meshtrust.js';
