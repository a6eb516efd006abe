#!/usr/bin/env node
// The program under the name by which kubectl asks how a command line of the plugin may go on.
import './meshtrust.js';
