// The kinds of node of PostgreSQL 18's grammar: where one stands without its name around it, and which only hold others.
// A kind that stands in no list and has no reader of its own is unknown, and makes its statement so.

/** Kind -> the fields (`Kind.field`) that hold one bare, not wrapped in its name. */
const bareFields: Readonly<Record<string, string>> = {
  Alias: `RangeVar.alias JoinExpr.join_using_alias JoinExpr.alias RangeSubselect.alias RangeFunction.alias RangeTableFunc.alias
    JsonTable.alias`,
  BitString: 'A_Const.bsval',
  Boolean: 'A_Const.boolval',
  CTECycleClause: 'CommonTableExpr.cycle_clause',
  CTESearchClause: 'CommonTableExpr.search_clause',
  CollateClause: 'ColumnDef.collClause CreateDomainStmt.collClause',
  CreateStmt: 'CreateForeignTableStmt.base',
  Float: 'A_Const.fval',
  FuncCall: 'CallStmt.funccall',
  GrantStmt: 'AlterDefaultPrivilegesStmt.action',
  InferClause: 'OnConflictClause.infer',
  Integer: 'A_Const.ival',
  IntoClause: 'SelectStmt.intoClause CreateTableAsStmt.into',
  JsonAggConstructor: 'JsonObjectAgg.constructor JsonArrayAgg.constructor',
  JsonBehavior: 'JsonFuncExpr.on_empty JsonFuncExpr.on_error JsonTable.on_error JsonTableColumn.on_empty JsonTableColumn.on_error',
  JsonFormat: `JsonReturning.format JsonValueExpr.format JsonIsPredicate.format JsonTableColumn.format JsonArrayQueryConstructor.format`,
  JsonKeyValue: 'JsonObjectAgg.arg',
  JsonOutput: `JsonFuncExpr.output JsonParseExpr.output JsonScalarExpr.output JsonSerializeExpr.output JsonObjectConstructor.output
    JsonArrayConstructor.output JsonArrayQueryConstructor.output JsonAggConstructor.output`,
  JsonReturning: 'JsonOutput.returning',
  JsonTablePathSpec: 'JsonTable.pathspec JsonTableColumn.pathspec',
  JsonValueExpr: `JsonArgument.val JsonFuncExpr.context_item JsonTable.context_item JsonKeyValue.value JsonParseExpr.expr JsonSerializeExpr.expr
    JsonArrayAgg.arg`,
  ObjectWithArgs: `CreateOpClassItem.name AlterFunctionStmt.func AlterOperatorStmt.opername CreateCastStmt.func CreateTransformStmt.fromsql
    CreateTransformStmt.tosql`,
  OnConflictClause: 'InsertStmt.onConflictClause',
  PartitionBoundSpec: 'PartitionCmd.bound CreateStmt.partbound',
  PartitionSpec: 'CreateStmt.partspec',
  PublicationTable: 'PublicationObjSpec.pubtable',
  RangeVar: `IntoClause.rel ColumnDef.identitySequence TableLikeClause.relation PartitionCmd.name InsertStmt.relation DeleteStmt.relation
    UpdateStmt.relation MergeStmt.relation AlterTableStmt.relation CopyStmt.relation CreateStmt.relation Constraint.pktable
    CreatePolicyStmt.table AlterPolicyStmt.table CreateTrigStmt.relation CreateTrigStmt.constrrel CreateSeqStmt.sequence
    AlterSeqStmt.sequence IndexStmt.relation RenameStmt.relation AlterObjectDependsStmt.relation AlterObjectSchemaStmt.relation
    AlterOwnerStmt.relation RuleStmt.relation CompositeTypeStmt.typevar ViewStmt.view ClusterStmt.relation VacuumRelation.relation
    RefreshMatViewStmt.relation ReindexStmt.relation PublicationTable.relation`,
  ReturningClause: 'InsertStmt.returningClause DeleteStmt.returningClause UpdateStmt.returningClause MergeStmt.returningClause',
  RoleSpec: `CreateSchemaStmt.authrole AlterTableCmd.newowner GrantStmt.grantor GrantRoleStmt.grantor CreateTableSpaceStmt.owner
    CreateUserMappingStmt.user AlterUserMappingStmt.user DropUserMappingStmt.user AlterRoleStmt.role AlterRoleSetStmt.role
    AlterOwnerStmt.newowner ReassignOwnedStmt.newrole`,
  SelectStmt: 'SelectStmt.larg SelectStmt.rarg',
  String: 'A_Const.sval AlterObjectDependsStmt.extname',
  TypeName: `TypeCast.typeName RangeTableFuncCol.typeName ColumnDef.typeName XmlSerialize.typeName JsonOutput.typeName JsonTableColumn.typeName
    CreateStmt.ofTypename CreateDomainStmt.typeName CreateOpClassStmt.datatype CreateOpClassItem.storedtype
    CreateFunctionStmt.returnType FunctionParameter.argType CreateCastStmt.sourcetype CreateCastStmt.targettype
    CreateTransformStmt.type_name`,
  VariableSetStmt: 'AlterRoleSetStmt.setstmt AlterDatabaseSetStmt.setstmt AlterSystemStmt.setstmt',
  WindowDef: 'FuncCall.over JsonAggConstructor.over',
  WithClause: 'InsertStmt.withClause DeleteStmt.withClause UpdateStmt.withClause MergeStmt.withClause SelectStmt.withClause',
}

/** `Kind.field` -> kind of the bare node in it. */
export const bareKinds: ReadonlyMap<string, string> = new Map(
  Object.entries(bareFields).flatMap(([kind, fields]) => fields.split(/\s+/).map(field => [field, kind] as const)),
)

/** Kinds that mean nothing by themselves: literals, lists, clauses. What they hold is read. */
export const plainKinds: ReadonlySet<string> = new Set(
  `A_Const Alias Integer Float Boolean String BitString List OidList IntList A_Star A_Indices A_ArrayExpr ParamRef
   TypeCast BoolExpr NamedArgExpr CollateClause CollateExpr CaseWhen RowExpr CoalesceExpr MinMaxExpr XmlExpr XmlSerialize SQLValueFunction
   JsonFormat JsonReturning JsonValueExpr JsonIsPredicate JsonBehavior JsonOutput JsonArgument JsonFuncExpr JsonTablePathSpec JsonTable
   JsonTableColumn JsonKeyValue JsonParseExpr JsonScalarExpr JsonSerializeExpr JsonObjectConstructor JsonArrayConstructor
   JsonArrayQueryConstructor JsonAggConstructor JsonObjectAgg JsonArrayAgg NullTest BooleanTest SetToDefault CurrentOfExpr GroupingFunc
   MergeSupportFunc ResTarget MultiAssignRef WindowDef RangeSubselect RangeFunction RangeTableFunc RangeTableFuncCol
   ColumnDef TableLikeClause IndexElem DefElem XmlSerialize PartitionElem PartitionSpec PartitionBoundSpec PartitionRangeDatum PartitionCmd
   GroupingSet InferClause OnConflictClause CTESearchClause CTECycleClause ReturningOption ReturningClause TriggerTransition
   RoleSpec ObjectWithArgs AccessPriv AlterTableCmd ATAlterConstraint Constraint CreateOpClassItem StatsElem FunctionParameter
   VacuumRelation PublicationTable PublicationObjSpec IntoClause MergeWhenClause ReplicaIdentityStmt`.split(/\s+/),
)
