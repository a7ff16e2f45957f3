/* SPDX-License-Identifier: MIT
 *
 * Generated programs include it and assert nothing.
 */
#pragma once
